#!/usr/bin/env bash
#
# etcd as a process of this user: what systemd is on a machine of its own.
#
#   local-service.sh --environment FILE --programs DIR --state DIR start|stop|status|log
#
#   start    starts etcd with the settings of the environment file and nothing else from the environment; returns when
#            it listens (whoever needs it asks it until it serves). Does nothing when it runs already.
#   stop     ends it: SIGTERM, after 30 s SIGKILL. Does nothing when it does not run.
#   status   exits 0 when it runs, 3 when not, and says which.
#   log      prints the last 20 lines of its log.
#
# The state directory holds etcd.pid (boot id, pid and start time: what makes a process this very process), etcd.log
# (kept once more as etcd.log.1 when it has grown over 50 MB) and etcd.lock.
#
# Exit codes: 0 good, 2 wrong use, 3 the environment failed (4 lines of reason on stderr at most), also "not running".

set -euo pipefail
umask 077
export LC_ALL=C

readonly LOG_LIMIT_BYTES=50000000 LISTEN_SECONDS=60 STOP_SECONDS=30 LOCK_SECONDS=120 PORT_SECONDS=90

readonly speaker=etcd
# Replaced by its file where both are sent as one.
source "$(dirname -- "${BASH_SOURCE[0]}")/../shell/library.sh"

action='' environment='' programs='' state=''

read_arguments() {
  while (($# > 0)); do
    case $1 in
      start | stop | status | log)
        action=$1
        shift
        ;;
      --environment | --programs | --state)
        (($# > 1)) || fail 2 "$1 needs a value"
        printf -v "${1#--}" '%s' "$2"
        shift 2
        ;;
      *) fail 2 "unknown argument \"$1\"; start, stop, status, log, --environment, --programs and --state are known" ;;
    esac
  done
  [[ -n $action && -n $state ]] || fail 2 "start, stop, status or log, and --state are needed"
  [[ $action != start || (-n $environment && -n $programs) ]] || fail 2 "start needs --environment and --programs"
}

# --- the process ----------------------------------------------------------------------------------------------------

# When a process started, in clock ticks since boot: field 22 of its stat. Nothing when there is none, or a dead one. Its
# first thread may be dead before the others (field 20 counts them), which hold its files, locks and ports until they are, too.
start_time() {
  local line fields
  { line=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
  read -ra fields <<<"${line##*) }" # the command's name, before it, may hold anything
  [[ ${fields[0]} != [ZX] ]] || ((fields[17] > 1)) || return 1
  printf '%s' "${fields[19]}"
}

# True when the process that we started still runs; its pid is then in `pid`. A pid alone would be taken by others.
pid=''
is_running() {
  local boot started
  { read -r boot pid started <"$state/etcd.pid"; } 2>/dev/null || return 1
  [[ $boot == "$(</proc/sys/kernel/random/boot_id)" && $(start_time "$pid") == "$started" ]]
}

# Whose socket it is that has a local TCP port, as far as this user may know. One that listens (0A) is first; 1 where it is
# nobody's any more (TIME_WAIT and the like: the kernel keeps it, and the port, a minute), or where there is none.
owner_of() { # PORT
  local hex inode descriptor owner
  printf -v hex '%04X' "$1"
  inode=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
    awk -v port=":$hex" 'substr($2, length($2) - 4) == port { print ($4 == "0A"), $10 }' | sort -rn | head -n 1)
  inode=${inode#* }
  if [[ -z $inode ]]; then
    printf 'nobody to be seen'
    return 1
  elif ((inode == 0)); then
    printf 'a connection that has ended'
    return 1
  fi
  descriptor=$(find /proc/[0-9]*/fd -maxdepth 1 -lname "socket:\[$inode\]" -print -quit 2>/dev/null || true)
  owner=${descriptor#/proc/}
  owner=${owner%%/*}
  if [[ -n $owner ]]; then
    printf 'process %s (%s)' "$owner" "$(visible "$(cat "/proc/$owner/comm" 2>/dev/null || echo ended)")"
  else
    printf 'a process of another user'
  fi
}

answers() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

# Host and port of each URL that etcd is to listen at.
listen_addresses() {
  local url host
  for url in ${settings[ETCD_LISTEN_CLIENT_URLS]//,/ } ${settings[ETCD_LISTEN_PEER_URLS]//,/ }; do
    url=${url#*//}
    host=${url%:*}
    host=${host/#0.0.0.0/127.0.0.1}
    host=${host/#"[::]"/"[::1]"}
    host=${host#[}
    printf '%s %s\n' "${host%]}" "${url##*:}"
  done
}

# --- actions --------------------------------------------------------------------------------------------------------

declare -A settings=()
read_environment() {
  local key
  [[ -f $environment ]] || fail 2 "there is no environment file $environment"
  read_settings "$environment" settings
  for key in ETCD_DATA_DIR ETCD_LISTEN_CLIENT_URLS ETCD_LISTEN_PEER_URLS; do
    [[ -n ${settings[$key]-} ]] || fail 2 "$environment does not set $key"
  done
}

take_lock() {
  [[ -d $state ]] || fail 2 "there is no state directory $state"
  state=$(realpath -- "$state")
  exec 8>>"$state/etcd.lock"
  flock -w "$LOCK_SECONDS" 8 || fail 3 "another start or stop holds $state/etcd.lock for $LOCK_SECONDS s"
}

# Becomes etcd. Records itself before, so that there is no moment at which it runs and is not known; opens no door for
# what it inherited, for a lock or a pipe that it held would never be let go.
# shellcheck disable=SC2016 # expanded by the inner bash
readonly become_etcd='
  for fd in /proc/self/fd/*; do
    fd=${fd##*/}
    if ((fd > 2)); then eval "exec $fd>&-"; fi
  done
  cd /
  read -r stat </proc/self/stat
  read -ra fields <<<"${stat##*) }"
  printf "%s %s %s\n" "$(</proc/sys/kernel/random/boot_id)" "$$" "${fields[19]}" >"$1.new"
  mv -f -- "$1.new" "$1"
  shift
  exec "$@"'

refuse_taken_ports() {
  local host port
  while read -r host port; do
    ! answers "$host" "$port" || fail 3 "port $port on $host is taken by $(owner_of "$port"); end it, or choose another port"
  done < <(listen_addresses)
}

# Waits while nobody holds the port that etcd could not have: the kernel had given it to a connection that goes out, and
# forgets that within a minute of its end. One that lives may live for ever.
await_port() { # PORT
  local owner
  if owner=$(owner_of "$1"); then
    fail 3 "port $1 is held by a connection of $owner; end it, or choose a port that the kernel gives to none (net.ipv4.ip_local_port_range)"
  fi
  ((SECONDS < port_deadline)) || fail 3 "port $1 could not be had for $PORT_SECONDS s, though nobody listens there; choose another port"
  [[ $waits_for == "$1" ]] || say "port $1 is still held by $owner; trying again for $PORT_SECONDS s at most"
  waits_for=$1
  sleep 1
}

# Starts etcd and waits until it listens. Fails with its log, but for a port that could not be had: that is then in `busy`.
busy=''
launch() {
  local key host port deadline variables=() log_before=0
  if [[ -f $state/etcd.log ]]; then
    log_before=$(stat -c %s -- "$state/etcd.log")
    if ((log_before > LOG_LIMIT_BYTES)); then
      mv -f -- "$state/etcd.log" "$state/etcd.log.1"
      log_before=0
    fi
  fi
  for key in "${!settings[@]}"; do variables+=("$key=${settings[$key]}"); done
  rm -f -- "$state/etcd.pid"
  setsid bash -c "$become_etcd" etcd "$state/etcd.pid" env -i "PATH=$PATH" "HOME=${HOME:-/}" "${variables[@]}" \
    nice -n 0 -- "$programs/etcd" </dev/null >>"$state/etcd.log" 2>&1 &
  local launched=$!
  deadline=$((SECONDS + LISTEN_SECONDS))
  while read -r host port; do
    until answers "$host" "$port"; do
      if ! is_running && ! kill -0 "$launched" 2>/dev/null; then break 2; fi
      ((SECONDS < deadline)) || { last_lines && fail 3 "etcd does not listen on $host:$port after $LISTEN_SECONDS s"; }
      sleep 0.05
    done
  done < <(listen_addresses)
  ! is_running || return 0
  busy=$(tail -c "+$((log_before + 1))" -- "$state/etcd.log" |
    sed -nE 's/.*listen tcp[46]? [^ ]*:([0-9]+): bind: address already in use.*/\1/p' | tail -n 1)
  [[ -n $busy ]] || { last_lines && fail 3 "etcd ended at once; its log is $state/etcd.log"; }
  return 1
}

start() {
  local port_deadline=$((SECONDS + PORT_SECONDS)) waits_for=''
  if is_running; then
    say "runs already as process $pid"
    return
  fi
  [[ -x $programs/etcd ]] || fail 3 "there is no program etcd in $programs"
  refuse_taken_ports
  until launch; do
    refuse_taken_ports
    await_port "$busy"
  done
  say "runs as process $pid"
}

stop() {
  local deadline=$((SECONDS + STOP_SECONDS))
  if ! is_running; then
    rm -f -- "$state/etcd.pid"
    say "does not run"
    return
  fi
  kill -TERM "$pid" || fail 3 "process $pid cannot be ended"
  while is_running; do
    if ((SECONDS >= deadline)); then
      ((SECONDS < deadline + STOP_SECONDS)) || fail 3 "process $pid does not end, not even by SIGKILL"
      kill -KILL "$pid" 2>/dev/null || true
    fi
    sleep 0.05
  done
  rm -f -- "$state/etcd.pid"
  say "stopped (it was process $pid)"
}

status() {
  is_running || { say "does not run" && exit 3; }
  say "runs as process $pid"
}

last_lines() { tail -n 20 -- "$state/etcd.log" 2>/dev/null | cut -c 1-500 >&2 || true; }

# A function, so that bash has read all of it before it begins: the file may be replaced while it runs.
main() {
  read_arguments "$@"
  case $action in
    start)
      read_environment
      take_lock
      start
      ;;
    stop)
      [[ -d $state ]] || exit 0
      take_lock
      stop
      ;;
    status) status ;;
    log) last_lines ;;
  esac
  exit
}

main "$@"
