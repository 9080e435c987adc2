# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the parts share their variables
#
# A store is made out of the snapshot beside the data directory, and proved before anybody can come to it. What cannot
# be proved is not swapped in.

find_programs() {
  local program
  for program in etcd etcdctl; do
    [[ -x $next_programs/$program ]] || fail 3 "there is no program $program in $next_programs"
  done
  version=$(clean -- "$next_programs/etcd" --version 2>&1) || true
  [[ $version =~ etcd\ Version:\ ([0-9]+\.[0-9]+\.[0-9]+[-+.0-9A-Za-z]*) ]] ||
    fail 3 "$next_programs/etcd does not tell its version: ${version##*$'\n'}"
  version=${BASH_REMATCH[1]}
  minor=${version#*.}
  minor=${version%%.*}.${minor%%.*}
  # Asked, not told by the version: etcdctl 3.6 answers to any word with its help and exit code 0.
  local help
  if help=$(clean -- "$next_programs/etcdutl" snapshot restore --help 2>&1) && [[ $help == *--data-dir* ]]; then
    restore_tool=etcdutl
  elif help=$(clean ETCDCTL_API=3 -- "$next_programs/etcdctl" snapshot restore --help 2>&1) && [[ $help == *--data-dir* ]]; then
    restore_tool=etcdctl
  else
    fail 3 "no program in $next_programs can restore a snapshot: etcdutl is needed, or an etcdctl before 3.6"
  fi
}

# A snapshot that is not here yet is not copied before it is known to be needed.
ask_for_snapshot() {
  [[ -n $ask_first && ! -e $snapshot ]] || return 0
  say "the snapshot is needed"
  printf '{"needed":true}\n'
  exit 0
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
  guarded "${hasher[@]}" <"$snapshot" >"$staging/sha256"
  join || fail 3 "cannot read $snapshot to the end"
  read -r found _ <"$staging/sha256"
  [[ $found == "$sha256" ]] || fail 3 "$snapshot is not the backup: its sha256 is $found, expected $sha256 ($bytes bytes); copy it again"

  available=$(exec df --output=avail -B1 -- "${data%/*}")
  available=${available##*$'\n'}
  needed=$((bytes + 144 * MIB)) # two WAL files of 64 MiB, and room for small things
  ! is_among_others || needed=$((2 * needed)) # the trial of a member alone is made on a copy
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
  token=$cluster_token
  [[ -n $token ]] || read -r token </proc/sys/kernel/random/uuid
  guarded_clean ETCDCTL_API=3 -- "$next_programs/$restore_tool" snapshot restore "$snapshot" --data-dir "$staging/data" \
    --name "${setting[ETCD_NAME]}" --initial-cluster "${setting[ETCD_INITIAL_CLUSTER]}" --initial-cluster-token "$token" \
    --initial-advertise-peer-urls "${setting[ETCD_INITIAL_ADVERTISE_PEER_URLS]}" "${without_hash[@]}" "${bumping[@]}" \
    >"$staging/log" 2>&1
  if ! join; then
    last_words
    fail 3 "$restore_tool could not restore $snapshot"
  fi
  mark
}

# Says in the data directory what it was restored from, and gives it to its owner.
mark() {
  {
    identity
    printf 'token=%s\nat=%(%Y-%m-%dT%H:%M:%SZ)T\n' "$token" -1
  } >"$staging/data/$marker"
  [[ -z $owner ]] || chown -R -- "$owner:" "$staging"
  lap restore
}

# `clean` as a guarded child.
guarded_clean() {
  local words
  clean_words words "$@"
  guarded "${words[@]}"
}

# Starts the restored member on Unix sockets, where nobody else can come, and asks it for its HashKV.
prove() {
  say "proving revision $revision on a private socket"
  local alone=()
  trial=$staging/data
  if is_among_others; then
    # It would wait for the others. On a copy it is told that they are gone, which stands in its data from then on.
    trial=$staging/alone alone=(ETCD_FORCE_NEW_CLUSTER=true)
    guarded cp -a --reflink=auto --sparse=always -- "$staging/data" "$trial"
    join || fail 3 "cannot copy what was restored for its trial"
  fi
  start_trial "${alone[@]}"
  prove_hashkv
  say "$proof"
  end_trial
  lap prove
}

# A trial that serves: what lies in $trial on Unix sockets, with more settings where it is to have some.
start_trial() { # KEY=VALUE...
  mkdir -p -- "$staging/proof"
  if [[ -n $owner ]]; then
    chown -- "$owner:" "$staging/proof"
    as_owner=(--reuid "$(id -u -- "$owner")" --regid "$(id -g -- "$owner")" --init-groups)
  fi
  run_trial "$@"
  as_owner=()
  local deadline=$((SECONDS + wait_seconds)) waited=17
  until [[ -S $staging/proof/$TRIAL_SOCKET ]] && is_serving ask_trial; do
    kill -0 "$child" 2>/dev/null || refuse_trial "etcd $version does not start on what was restored"
    ((SECONDS < deadline)) || refuse_trial "etcd did not serve what was restored in $wait_seconds s: ${answer##*$'\n'}"
    nap waited
  done
}

end_trial() {
  end_child || refuse_trial "etcd did not stop in 30 s"
  rm -rf -- "$staging/alone"
  find "$staging/data" -exec sync -- {} + # on the disk before the old etcd is stopped, which then is down for less
}

prove_hashkv() {
  if ask_trial "$wait_seconds" endpoint hashkv --rev="$revision" -w json; then
    compare_hashkv
  elif [[ $answer =~ (has been compacted|is a future revision) ]]; then
    refuse_data "etcd does not hold revision $revision"
  elif is_refused; then
    refuse_trial "authentication is on in this backup, and it cannot be proved: $(why_refused)"
  else
    refuse_trial "etcd does not tell its HashKV: ${answer##*$'\n'}"
  fi
}

why_refused() {
  if [[ -z $root_certificate ]]; then
    printf 'etcd asks for a user; give --root-certificate and --root-key, a client certificate of its CA with the common name root'
  else
    printf 'etcd does not take our client certificate for its user root (%s); the store must have a user root with the role root' \
      "${answer##*$'\n'}"
  fi
}

# The member's own name and URLs are given, so that what it publishes of itself is what it will publish when it
# serves. Its own certificates too: a client is known by the one that it shows.
run_trial() { # KEY=VALUE...
  guarded_clean -C "$staging/proof" "ETCD_DATA_DIR=$trial" "ETCD_NAME=${setting[ETCD_NAME]}" \
    "ETCD_INITIAL_CLUSTER=${setting[ETCD_INITIAL_CLUSTER]}" \
    "ETCD_INITIAL_ADVERTISE_PEER_URLS=${setting[ETCD_INITIAL_ADVERTISE_PEER_URLS]}" \
    "ETCD_ADVERTISE_CLIENT_URLS=${setting[ETCD_ADVERTISE_CLIENT_URLS]}" \
    "ETCD_QUOTA_BACKEND_BYTES=${setting[ETCD_QUOTA_BACKEND_BYTES]-0}" \
    "ETCD_CERT_FILE=${setting[ETCD_CERT_FILE]}" "ETCD_KEY_FILE=${setting[ETCD_KEY_FILE]}" \
    "ETCD_TRUSTED_CA_FILE=${setting[ETCD_TRUSTED_CA_FILE]}" ETCD_CLIENT_CERT_AUTH=true \
    "ETCD_LISTEN_CLIENT_URLS=unixs://$TRIAL_SOCKET" ETCD_LISTEN_PEER_URLS=unix://peer:0 \
    ETCD_HEARTBEAT_INTERVAL=10 ETCD_ELECTION_TIMEOUT=100 ETCD_LOGGER=zap ETCD_LOG_OUTPUTS=stderr "$@" \
    -- "$next_programs/etcd" >"$staging/log" 2>&1
}

compare_hashkv() {
  local found compacted expected=''
  found=$(number hash)
  compacted=$(number compact_revision)
  ((compacted >= 0)) || compacted=0 # etcd says -1 for "never"
  if ((compacted == compact_revision)); then
    expected=$hashkv
  elif [[ ${or_hashkv%:*} == "$compacted" ]]; then
    expected=${or_hashkv#*:}
  else
    refuse_trial "it cannot be proved: etcd hashed what it holds since its compaction at revision $compacted, the file was hashed since $compact_revision"
  fi
  ((found == expected)) || refuse_data "HashKV at revision $revision is $found, expected $expected"
  proof="proved: HashKV at revision $revision is $found, as in the file"
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

refuse_trial() {
  last_words
  fail 3 "$1; what was there before is untouched"
}
