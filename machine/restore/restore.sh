#!/usr/bin/env bash
#
# Restores an etcd snapshot into the data directory of one member, and never serves what is not proved.
#
#   restore.sh --snapshot FILE --sha256 HEX --revision R --compact-revision C --hashkv H
#              --environment FILE --programs DIR --service "COMMAND" [--owner USER] [--keep N] [--wait-seconds N]
#
#   --snapshot          snapshot as `etcdctl snapshot save` wrote it, or a raw db
#   --sha256            SHA-256 that the whole file must have
#   --revision, --compact-revision, --hashkv
#                       the file's HashKV at revision R when compacted at C (0: never): what etcd must answer
#   --bump              restore with the revision bumped by so much and everything before marked as compacted; revision,
#                       compact-revision and hashkv are then those after the bump
#   --environment       the member's environment file: name, URLs, data directory, certificates; gets a new token
#   --programs          directory with etcd, etcdctl and etcdutl (3.4: etcd and etcdctl)
#   --service           shell command that starts and stops the member: gets start, stop, status or log as its last
#                       word; status exits 0 when it runs, log prints the last lines of etcd's log
#   --owner             user that etcd runs as, when this script is run by root; default: the user who runs it
#   --keep              how many older data directories and quarantined ones to keep; default 2
#   --wait-seconds      limit of every wait; default 60 and one more for each 20 MB of the snapshot
#
# Beside the data directory D it uses D.restore-lock, D.restore-journal, D.restore-staging and D.restore-trash while it
# runs, counts in D.restore-starts how often it had to start etcd, and leaves D.aside-TIME (what was there before) and
# D.quarantine-TIME (what was refused).
#
# Safe to run again, also after it was killed: a backup that is already restored and healthy is left alone. stderr has a
# line for each step; stdout one line of JSON. No value of a key is ever printed.
#
# Exit codes: 0 restored and serving, or it already was; 1 etcd does not hold what the file holds: quarantined, the old
# one still serves; 2 wrong use; 3 the environment failed: nothing changed, or everything was put back.

# shellcheck disable=SC2317 # `finish`, and what it calls, is reached by a trap

set -Eeuo pipefail
umask 077
export LC_ALL=C

readonly MIB=1048576

# A lone command in $(...) is given `exec`: with an ERR trap set, bash would fork once more for it.

# A reader of our lines that goes away must not stop a swap half way.
trap '' PIPE
say() { printf 'restore: %s\n' "$*" >&2 || true; }

# Ends the run with a message; what must be undone is undone by `finish`.
foreseen=
fail() {
  foreseen=$1
  say "${*:2}"
  exit "$foreseen"
}

# --- settings -------------------------------------------------------------------------------------------------------

snapshot='' sha256='' revision='' compact_revision='' hashkv='' environment='' programs='' service_command=''
owner='' keep=2 wait_seconds='' bump=''

read_flags() {
  while (($# > 0)); do
    (($# > 1)) || fail 2 "$1 needs a value"
    case $1 in
      --snapshot) snapshot=$2 ;;
      --sha256) sha256=$2 ;;
      --revision) revision=$2 ;;
      --compact-revision) compact_revision=$2 ;;
      --hashkv) hashkv=$2 ;;
      --bump) bump=$2 ;;
      --environment) environment=$2 ;;
      --programs) programs=$2 ;;
      --service) service_command=$2 ;;
      --owner) owner=$2 ;;
      --keep) keep=$2 ;;
      --wait-seconds) wait_seconds=$2 ;;
      *) fail 2 "unknown flag $1; restore.sh's first lines list the flags" ;;
    esac
    shift 2
  done
  local flag
  for flag in snapshot sha256 revision compact_revision hashkv environment programs service_command; do
    [[ -n ${!flag} ]] || { flag=${flag%_command} && fail 2 "--${flag//_/-} is missing"; }
  done
  [[ $sha256 =~ ^[0-9a-f]{64}$ ]] || fail 2 "--sha256 is \"$sha256\"; 64 hexadecimal digits in lower case are needed"
  for flag in revision compact_revision hashkv bump keep wait_seconds; do
    [[ ${!flag} =~ ^[0-9]{0,18}$ ]] || fail 2 "--${flag//_/-} is \"${!flag}\"; a whole number is needed"
  done
  if [[ -n $owner ]]; then
    id -u -- "$owner" >/dev/null 2>&1 || fail 2 "--owner: there is no user \"$owner\""
    ((EUID == 0)) || fail 2 "--owner needs root; without it everything belongs to $(id -un)"
  fi
  [[ -f $environment ]] || fail 2 "--environment: there is no file $environment"
  environment=$(exec realpath -- "$environment")
  programs=$(exec realpath -m -- "$programs")
  snapshot=$(exec realpath -m -- "$snapshot")
}

declare -A setting=()
readonly NEEDED_SETTINGS=(ETCD_NAME ETCD_DATA_DIR ETCD_INITIAL_CLUSTER ETCD_INITIAL_ADVERTISE_PEER_URLS
  ETCD_ADVERTISE_CLIENT_URLS ETCD_LISTEN_CLIENT_URLS ETCD_TRUSTED_CA_FILE ETCD_CERT_FILE ETCD_KEY_FILE)

read_environment() {
  local line key
  while IFS= read -r line || [[ -n $line ]]; do
    if [[ $line =~ ^(ETCD_[A-Z0-9_]+)=\"?([^\"]*)\"?$ ]]; then setting[${BASH_REMATCH[1]}]=${BASH_REMATCH[2]}; fi
  done <"$environment" || fail 2 "cannot read $environment"
  for key in "${NEEDED_SETTINGS[@]}"; do
    [[ -n ${setting[$key]-} ]] || fail 2 "$environment does not set $key"
  done
  data=${setting[ETCD_DATA_DIR]}
  [[ $data == /?* && $data != */ ]] || fail 2 "ETCD_DATA_DIR is \"$data\" in $environment; an absolute path is needed"
  lock=$data.restore-lock journal=$data.restore-journal staging=$data.restore-staging trash=$data.restore-trash
  marker=member/restored-from # not in the data directory itself: etcd warns of files there that it does not know

  # Where etcd listens, as seen from this machine.
  endpoint=${setting[ETCD_LISTEN_CLIENT_URLS]%%,*}
  endpoint=${endpoint/"//0.0.0.0:"/"//127.0.0.1:"}
  endpoint=${endpoint/"//[::]:"/"//[::1]:"}
}

# --- small tools ----------------------------------------------------------------------------------------------------

# Keeps the time since the last lap under a name, in milliseconds.
declare -A lap_milliseconds=([check]=0 [restore]=0 [prove]=0 [start]=0)
last_lap=${EPOCHREALTIME/./}
lap() {
  local now=${EPOCHREALTIME/./}
  lap_milliseconds[$1]=$(((now - last_lap) / 1000))
  last_lap=$now
}

seconds() { printf '%d.%03d' $((lap_milliseconds[$1] / 1000)) $((lap_milliseconds[$1] % 1000)); }

# The service must not inherit the lock: an etcd that runs on would hold it for ever.
service() { bash -c "$service_command \"\$1\"" service "$1" 9>&- >&2; }

service_log() { service log 2>&1 | sed 's/^/restore:   /' >&2 || true; }

# A name beside the data directory that says when, and is not there yet.
timed_name() {
  local name
  while
    printf -v name '%s.%s-%(%Y%m%dT%H%M%SZ)T' "$data" "$1" -1
    [[ -e $name ]]
  do sleep 0.2; done
  printf '%s' "$name"
}

# Puts stdin into a file at once or not at all, with the mode and owner of the one that is there.
write_file() {
  [[ ! -e $1 ]] || cp -p -- "$1" "$1.restore-new"
  cat >"$1.restore-new"
  sync -- "$1.restore-new"
  mv -f -- "$1.restore-new" "$1"
}

with_token() {
  sed -E "s/^ETCD_INITIAL_CLUSTER_TOKEN=.*/ETCD_INITIAL_CLUSTER_TOKEN=\"$1\"/" "$environment" | write_file "$environment"
}

# The user's environment must not leak in: an ETCD_ variable would overrule a setting.
clean=(env -i "PATH=$PATH" "HOME=${HOME:-/}")

# Runs a program in the background that ends with this script, even when that is killed: the kernel sees to it.
child=''
# shellcheck disable=SC2016 # expanded by the inner bash
readonly only_under_us='[[ $PPID == "$1" ]] || exit 1; shift; exec "$@"'
guarded() {
  setpriv --pdeathsig KILL "${as_owner[@]}" -- \
    bash -c "$only_under_us" guarded $$ "$@" 9>&- &
  child=$!
}

# Waits for it, so that a signal is not kept waiting by a program in the foreground.
join() {
  local code=0
  wait "$child" || code=$?
  child=''
  return "$code"
}

end_child() {
  [[ -n $child ]] || return 0
  local deadline=$((SECONDS + 30)) forced=0
  kill -TERM "$child" 2>/dev/null || true
  while kill -0 "$child" 2>/dev/null; do
    if ((SECONDS >= deadline)); then kill -KILL "$child" 2>/dev/null || true; forced=1; fi
    sleep 0.02
  done
  child=''
  return "$forced"
}

# --- asking etcd ----------------------------------------------------------------------------------------------------

answer=''
ask() { # LIMIT-SECONDS ARGUMENTS...
  answer=$(exec "${clean[@]}" "$programs/etcdctl" --command-timeout="$1s" --dial-timeout=5s "${@:2}" 2>&1 9>&-)
}

ask_member() {
  ask "$1" --endpoints="$endpoint" --cacert="${setting[ETCD_TRUSTED_CA_FILE]}" --cert="${setting[ETCD_CERT_FILE]}" \
    --key="${setting[ETCD_KEY_FILE]}" "${@:2}"
}

# The answer is etcd's refusal of a client without a password: it serves, and will not tell us more.
wants_password() { [[ $answer =~ (user name is empty|permission denied|invalid auth token|authentication failed) ]]; }

# True when etcd serves. `endpoint health` is not asked: it calls a store unhealthy that has an alarm or authentication on.
is_serving() { # ask_member or ask_trial
  if "$1" 2 endpoint status -w json; then [[ $answer =~ \"leader\":[1-9] ]]; else wants_password; fi
}

# A number out of etcdctl's JSON; etcd leaves out zeros.
number() { if [[ $answer =~ \"$1\":(-?[0-9]+) ]]; then printf '%s' "${BASH_REMATCH[1]}"; else printf 0; fi; }

wait_until_serving() {
  local deadline=$((SECONDS + wait_seconds))
  until is_serving ask_member; do
    if ! service status 2>/dev/null; then say "etcd ended"; return 1; fi
    if ((SECONDS >= deadline)); then say "etcd did not serve at $endpoint in $wait_seconds s; last: ${answer##*$'\n'}"; return 1; fi
    sleep 0.1
  done
}

# --- ending, and putting back ---------------------------------------------------------------------------------------

stage=begin # begin; with the lock: prepare, swap, finished
was_running=0 aside='' swapped=0 environment_before=''

finish() {
  local code=$?
  trap - EXIT
  trap '' INT TERM HUP
  set +e
  end_child
  [[ $stage != swap ]] || put_back
  [[ $stage == begin ]] || remove_ours
  # A command that failed and that nobody foresaw says nothing about the proof.
  if [[ -z $foreseen ]] && ((code != 0)); then
    say "unexpected: \"$failed_command\" failed in line $failed_line"
    code=3
  fi
  exit "$code"
}
failed_command='' failed_line=''

remove_ours() { rm -rf -- "$staging" "$trash" "$journal.restore-new" "$environment.restore-new"; }

put_back() {
  say "putting back what was there"
  service stop || say "etcd could not be stopped"
  if ((swapped)); then
    local quarantine
    quarantine=$(timed_name quarantine)
    mv -- "$data" "$quarantine" && say "what failed to start is kept in $quarantine"
  fi
  [[ -z $aside || ! -d $aside ]] || mv -- "$aside" "$data"
  [[ -z $environment_before ]] || write_file "$environment" <<<"$environment_before"
  if ((was_running)); then
    if service start && wait_until_serving; then say "the etcd that was there serves again"; else say "the etcd that was there does not start"; fi
  fi
  rm -f -- "$journal"
}

# --- steps ----------------------------------------------------------------------------------------------------------

take_lock() {
  local parent=${data%/*}
  [[ -d $parent ]] || fail 3 "there is no directory $parent for the data directory $data"
  [[ -w $parent && -x $parent ]] || fail 3 "$(id -un) may not write in $parent, where the data directory $data belongs"
  if [[ -z $wait_seconds ]]; then
    local bytes=0
    [[ ! -f $snapshot ]] || bytes=$(exec stat -c %s -- "$snapshot")
    wait_seconds=$((60 + bytes / (20 * MIB)))
  fi
  exec 9>>"$lock"
  if ! flock -n 9; then
    say "waiting at most $wait_seconds s for another restore of $data"
    flock -w "$wait_seconds" 9 || fail 3 "another restore of $data holds $lock; let it end, then try again"
  fi
}

# Undoes the swap that a killed run left half done, and removes what it was building.
recover() {
  if [[ -f $journal ]]; then
    say "a restore was killed while it changed the data directory: putting it right"
    local before='' running=0
    { IFS= read -r before && IFS= read -r running; } <"$journal" || true
    [[ -e $data || -z $before || ! -d $before ]] || mv -- "$before" "$data"
    # What lies there is the old data, or new data that was proved: either may serve.
    if [[ $running == 1 && -d $data ]]; then
      { service start && wait_until_serving; } || say "the etcd in $data does not start"
    fi
    rm -f -- "$journal"
  fi
  [[ ! -e $staging ]] || say "removing what a killed restore left"
  remove_ours
}

# How often etcd did not run before and does now: whoever planned this run tells by it whether etcd was lost since.
count_start() {
  ((was_running)) || echo $(($(cat -- "$data.restore-starts" 2>/dev/null || echo 0) + 1)) | write_file "$data.restore-starts"
}

# What must be the same for a data directory to be this backup's; the token and the time follow it in the marker.
identity() {
  printf 'sha256=%s\nmember=%s %s\netcd=%s\n' "$sha256${bump:+ bumped by $bump}" "${setting[ETCD_NAME]}" "${setting[ETCD_INITIAL_ADVERTISE_PEER_URLS]}" "${version%.*}"
}

find_programs() {
  local program
  for program in etcd etcdctl; do
    [[ -x $programs/$program ]] || fail 3 "there is no program $program in $programs"
  done
  version=$(exec "${clean[@]}" "$programs/etcd" --version 2>&1) || true
  [[ $version =~ etcd\ Version:\ ([0-9]+\.[0-9]+\.[0-9]+) ]] ||
    fail 3 "$programs/etcd does not tell its version: ${version##*$'\n'}"
  version=${BASH_REMATCH[1]}
  # Asked, not told by the version: etcdctl 3.6 answers to any word with its help and exit code 0.
  local help
  if help=$(exec "${clean[@]}" "$programs/etcdutl" snapshot restore --help 2>&1) && [[ $help == *--data-dir* ]]; then
    restore_tool=etcdutl
  elif help=$(exec "${clean[@]}" "$programs/etcdctl" snapshot restore --help 2>&1) && [[ $help == *--data-dir* ]]; then
    restore_tool=etcdctl
  else
    fail 3 "no program in $programs can restore a snapshot: etcdutl is needed, or an etcdctl before 3.6"
  fi
}

# Leaves a data directory alone that is this backup's already; sees to it that it serves.
leave_if_restored() {
  say "looking at $data"
  [[ -f $data/$marker && $(exec head -n 3 -- "$data/$marker") == "$(identity)" ]] || return 0
  ! service status 2>/dev/null || was_running=1
  if ! { ((was_running)) && is_serving ask_member; }; then
    say "already restored, but it does not serve: starting it"
    if ! { service stop && service start && wait_until_serving; }; then
      say "it does not start: restoring again"
      service_log
      return 0
    fi
  fi
  # A run that was killed after the swap may not have come to it.
  token=$(sed -n 's/^token=//p' "$data/$marker")
  [[ ${setting[ETCD_INITIAL_CLUSTER_TOKEN]-} == "$token" ]] || with_token "$token"
  count_start
  say "already restored and serving: left as it is"
  stage=finished
  lap start
  report false
  exit 0
}

check_data_directory() {
  if mountpoint -q -- "$data"; then
    fail 2 "$data is a mount point and cannot be swapped; set ETCD_DATA_DIR to a directory inside it"
  fi
  [[ -e $data ]] || return 0
  if [[ ! -d $data/member ]]; then
    rmdir -- "$data" 2>/dev/null || fail 2 "$data holds something that is no etcd data (no member/); nothing was touched"
  fi
}

check_snapshot() {
  say "checking $snapshot"
  [[ -f $snapshot && -r $snapshot ]] || fail 2 "--snapshot: cannot read a file $snapshot"
  local found bytes available needed
  bytes=$(exec stat -c %s -- "$snapshot")
  mkdir -- "$staging"
  local hasher=(sha256sum)
  # Some three times faster, where it is there.
  ! command -v openssl >/dev/null || hasher=(openssl dgst -sha256 -r)
  guarded "${hasher[@]}" "$snapshot" >"$staging/sha256"
  join || fail 3 "cannot read $snapshot to the end"
  read -r found _ <"$staging/sha256"
  found=${found#\\} # sha256sum's mark for a file name that it had to escape
  [[ $found == "$sha256" ]] || fail 3 "$snapshot is not the backup: its sha256 is $found, expected $sha256 ($bytes bytes); copy it again"

  available=$(exec df --output=avail -B1 -- "${data%/*}")
  available=${available##*$'\n'}
  needed=$((bytes + 144 * MIB)) # two WAL files of 64 MiB, and room for small things
  ((available >= needed)) || fail 3 "not enough space in ${data%/*}: $((needed / MIB)) MiB needed, $((available / MIB)) MiB free"
  lap check
}

restore_beside() {
  say "restoring with $restore_tool $version beside $data"
  # The file's hash was compared as a whole; a raw db has no hash of its own at its end that could be compared as well.
  local without_hash=()
  (($(exec stat -c %s -- "$snapshot") % 512 != 0)) || without_hash=(--skip-hash-check)
  local bumping=()
  [[ -z $bump ]] || bumping=(--bump-revision "$bump" --mark-compacted)
  read -r token </proc/sys/kernel/random/uuid
  guarded "${clean[@]}" "$programs/$restore_tool" snapshot restore "$snapshot" --data-dir "$staging/data" \
    --name "${setting[ETCD_NAME]}" --initial-cluster "${setting[ETCD_INITIAL_CLUSTER]}" --initial-cluster-token "$token" \
    --initial-advertise-peer-urls "${setting[ETCD_INITIAL_ADVERTISE_PEER_URLS]}" "${without_hash[@]}" "${bumping[@]}" \
    >"$staging/log" 2>&1
  if ! join; then
    last_words
    fail 3 "$restore_tool could not restore $snapshot"
  fi
  {
    identity
    printf 'token=%s\nat=%(%Y-%m-%dT%H:%M:%SZ)T\n' "$token" -1
  } >"$staging/data/$marker"
  [[ -z $owner ]] || chown -R -- "$owner:" "$staging"
  lap restore
}

# Starts the restored member on Unix sockets, where nobody else can come, and asks it for its HashKV.
prove() {
  say "proving revision $revision on a private socket"
  mkdir -- "$staging/proof"
  if [[ -n $owner ]]; then
    chown -- "$owner:" "$staging/proof"
    as_owner=(--reuid "$(id -u -- "$owner")" --regid "$(id -g -- "$owner")" --init-groups)
  fi
  # etcd takes no path in a URL: the sockets' names are relative to the directory that it runs in. The member's
  # own name and URLs are given, so that what it publishes of itself is what it will publish when it serves.
  guarded env -C "$staging/proof" "${clean[@]}" "ETCD_DATA_DIR=$staging/data" "ETCD_NAME=${setting[ETCD_NAME]}" \
    "ETCD_INITIAL_CLUSTER=${setting[ETCD_INITIAL_CLUSTER]}" \
    "ETCD_INITIAL_ADVERTISE_PEER_URLS=${setting[ETCD_INITIAL_ADVERTISE_PEER_URLS]}" \
    "ETCD_ADVERTISE_CLIENT_URLS=${setting[ETCD_ADVERTISE_CLIENT_URLS]}" \
    "ETCD_QUOTA_BACKEND_BYTES=${setting[ETCD_QUOTA_BACKEND_BYTES]-0}" \
    ETCD_LISTEN_CLIENT_URLS=unix://client:0 ETCD_LISTEN_PEER_URLS=unix://peer:0 \
    ETCD_HEARTBEAT_INTERVAL=10 ETCD_ELECTION_TIMEOUT=100 ETCD_LOGGER=zap ETCD_LOG_OUTPUTS=stderr \
    "$programs/etcd" >"$staging/log" 2>&1
  as_owner=()
  local deadline=$((SECONDS + wait_seconds))
  until [[ -S $staging/proof/client:0 ]] && is_serving ask_trial; do
    kill -0 "$child" 2>/dev/null || refuse_trial "etcd $version does not start on what was restored"
    ((SECONDS < deadline)) || refuse_trial "etcd did not serve what was restored in $wait_seconds s"
    sleep 0.02
  done
  if wants_password; then
    proof="left to the verification: authentication is on"
  elif ask_trial "$wait_seconds" endpoint hashkv --rev="$revision" -w json; then
    compare_hashkv
  elif [[ $answer =~ (has been compacted|is a future revision) ]]; then
    refuse_data "etcd does not hold revision $revision"
  else
    refuse_trial "etcd does not tell its HashKV: ${answer##*$'\n'}"
  fi
  say "$proof"
  end_child || refuse_trial "etcd did not stop in 30 s"
  find "$staging/data" -exec sync -- {} + # on the disk before the old etcd is stopped, which then is down for less
  lap prove
}

ask_trial() {
  cd -- "$staging/proof"
  local code=0
  ask "$1" --endpoints=unix://client:0 "${@:2}" || code=$?
  cd /
  return "$code"
}

compare_hashkv() {
  local found compacted
  found=$(number hash)
  compacted=$(number compact_revision)
  ((compacted >= 0)) || compacted=0 # etcd says -1 for "never"
  if ((compacted != compact_revision)); then
    proof="left to the verification: etcd compacted at revision $compacted, the file at $compact_revision"
  elif ((found != hashkv)); then
    refuse_data "HashKV at revision $revision is $found, expected $hashkv"
  else
    proof="proved: HashKV at revision $revision is $found, as in the file"
  fi
}

# What was restored is not what the file holds.
refuse_data() {
  local quarantine
  end_child || true
  quarantine=$(timed_name quarantine)
  mv -- "$staging/data" "$quarantine"
  prune quarantine
  fail 1 "$1: kept in $quarantine and not served; what was there before is untouched"
}

# What etcd or its tool said last; of a panic what it was about, without the stacks.
last_words() {
  sed '/^goroutine [0-9]/,$d' -- "$staging/log" | grep . | tail -n 5 | cut -c 1-500 | sed 's/^/restore:   /' >&2 || true
}

refuse_trial() {
  last_words
  fail 3 "$1; what was there before is untouched"
}

swap() {
  environment_before=$(<"$environment")
  ! service status 2>/dev/null || was_running=1
  aside=$(timed_name aside)
  printf '%s\n%s\n' "$aside" "$was_running" | write_file "$journal"
  stage=swap
  say "stopping etcd"
  service stop || fail 3 "etcd could not be stopped"
  if [[ -f $data/member/snap/db ]] && ! flock -n -s "$data/member/snap/db" true; then
    fail 3 "another etcd runs on $data; stop it, then try again"
  fi
  if [[ -e $data ]]; then
    say "moving $data aside to $aside"
    mv -- "$data" "$aside"
  else
    aside=''
  fi
  say "moving what was restored to $data"
  swapped=1
  mv -- "$staging/data" "$data"
  sync -- "${data%/*}"
  with_token "$token"
  say "starting etcd"
  if ! { service start && wait_until_serving; }; then
    service_log
    fail 3 "etcd does not serve what was restored"
  fi
  stage=finished
  rm -f -- "$journal"
  count_start
  lap start
  say "serving at $endpoint"
}

# Keeps the newest of what older restores left. What this script did not restore itself is never removed.
prune() { # aside or quarantine
  local directory ours=()
  for directory in "$data.$1-"????????T??????Z; do
    [[ ! -f $directory/$marker ]] || ours+=("$directory") # the shell sorts them: by time
  done
  for directory in "${ours[@]:0:$((${#ours[@]} > keep ? ${#ours[@]} - keep : 0))}"; do
    say "removing $directory"
    mv -- "$directory" "$trash" # so that a half removed one is never taken for a whole one
    rm -rf -- "$trash"
  done
}

json_text() {
  local text=${1//\\/\\\\}
  printf '"%s"' "${text//\"/\\\"}"
}

report() { # true: restored now; false: it was already
  printf '{"restored":%s,"sha256":"%s","revision":%s,"dataDir":%s,"aside":%s,"etcdVersion":"%s","proof":%s,' \
    "$1" "$sha256" "$revision" "$(json_text "$data")" "$([[ -n $aside ]] && json_text "$aside" || printf null)" \
    "$version" "$(json_text "$proof")"
  printf '"restoredAt":"%s",' "$(sed -n 's/^at=//p' "$data/$marker")" # from here on its leases run, in the trial already
  printf '"seconds":{"check":%s,"restore":%s,"prove":%s,"start":%s}}\n' \
    "$(seconds check)" "$(seconds restore)" "$(seconds prove)" "$(seconds start)"
}

# --- the whole ------------------------------------------------------------------------------------------------------

data='' lock='' journal='' staging='' trash='' marker='' endpoint='' version='' restore_tool='' token=''
proof='left to the verification: it was already restored'
as_owner=()

# A function, so that bash has read all of it before it begins: the file may be replaced while it runs.
main() {
  trap 'failed_command=$BASH_COMMAND failed_line=$LINENO' ERR
  trap finish EXIT
  trap 'foreseen=130; exit 130' INT
  trap 'foreseen=143; exit 143' TERM
  trap 'foreseen=129; exit 129' HUP
  ((BASH_VERSINFO[0] >= 5)) || fail 3 "bash 5 or newer is needed, this is $BASH_VERSION"
  for tool in setpriv flock mountpoint sha256sum realpath sync df; do
    command -v "$tool" >/dev/null || fail 3 "there is no program $tool; it is in util-linux or coreutils"
  done
  read_flags "$@"
  read_environment
  take_lock
  stage=prepare
  recover
  find_programs
  leave_if_restored
  check_data_directory
  check_snapshot
  restore_beside
  prove
  swap
  prune aside
  prune quarantine
  report true
  exit
}

main "$@"
