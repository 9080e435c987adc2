# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the parts share their variables
#
# The data directory: left alone where it is this backup's already, swapped where it is not, and what is kept of it.

# What must be the same for a data directory to be this backup's; the token and the time follow it in the marker.
identity() {
  local others=''
  ! is_among_others || others=" of ${setting[ETCD_INITIAL_CLUSTER]}"
  printf 'sha256=%s\nmember=%s\netcd=%s\n' "$sha256${bump:+ bumped by $bump}" \
    "${setting[ETCD_NAME]} ${setting[ETCD_INITIAL_ADVERTISE_PEER_URLS]}$others" "$minor"
}

is_restored() {
  [[ -f $data/$marker && $(exec head -n 3 -- "$data/$marker") == "$(identity)" ]] || return 1
  [[ -z $cluster_token ]] || grep -qxF -- "token=$cluster_token" "$data/$marker"
}

# How often etcd did not run before and does now: whoever planned this run tells by it whether etcd was lost since.
count_start() {
  ((was_running)) || echo $(($(cat -- "$data.restore-starts" 2>/dev/null || echo 0) + 1)) | write_file "$data.restore-starts"
}

# Leaves a data directory alone that is this backup's already; sees to it that it serves, by the wished settings.
leave_if_restored() {
  say "looking at $data"
  is_restored || return 0
  token=$(sed -n 's/^token=//p' "$data/$marker")
  ! service status 2>/dev/null || was_running=1
  if ((was_running)) && ! settings_differ "$token" && serves_wished_version; then
    say "already restored and serving: left as it is"
    step serving keep
  else
    start_again || return 0
  fi
  count_start
  stage=finished
  lap start
  report false
  exit 0
}

start_again() {
  if ! settings_differ "$token"; then
    say "already restored, but it does not serve: starting it"
  else
    say "already restored, but its settings or programs are others: starting it with these"
  fi
  step stopping stop
  begin_swap ''
  service stop || fail 3 "etcd could not be stopped"
  step stopped start
  if put_wished_settings "$token" && service start && wait_until_serving; then
    step serving keep
    end_swap
    return
  fi
  [[ -z $in_step ]] || say_lost
  say "it does not start: restoring again"
  service_log
  return 1
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

swap() {
  step stopping stop
  aside=$(timed_name aside)
  stage=prepare # a start that failed before is part of this swap
  begin_swap "$aside"
  say "stopping etcd"
  service stop || fail 3 "etcd could not be stopped"
  if [[ -f $data/member/snap/db ]] && ! flock -n -s "$data/member/snap/db" true; then
    fail 3 "another etcd runs on $data; stop it, then try again"
  fi
  step stopped start
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
  put_wished_settings "$token"
  say "starting etcd"
  if ! { service start && wait_until_serving; }; then
    service_log
    fail 3 "etcd does not serve what was restored"
  fi
  step serving keep
  end_swap
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
