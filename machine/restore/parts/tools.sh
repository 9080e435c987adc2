# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the parts share their variables
#
# Small tools: laps, names, files, children that end with us, and the line of JSON.

# Keeps the time since the last lap under a name, in milliseconds.
declare -A lap_milliseconds=([check]=0 [restore]=0 [prove]=0 [start]=0)
last_lap=${EPOCHREALTIME/./}
lap() {
  local now=${EPOCHREALTIME/./}
  lap_milliseconds[$1]=$(((now - last_lap) / 1000))
  last_lap=$now
}

seconds() { printf '%d.%03d' $((lap_milliseconds[$1] / 1000)) $((lap_milliseconds[$1] % 1000)); }

# Sleeps a little longer each time, from 20 ms up to half a second: to ask is to start a process, and it takes from etcd
# what is waited for. The time that is waited too long is a ninth of the whole at most.
nap() { # NAME-OF-MILLISECONDS
  local -n milliseconds=$1
  local pause
  ((milliseconds = milliseconds > 444 ? 500 : (milliseconds * 9 + 7) / 8))
  printf -v pause '0.%03d' "$milliseconds"
  sleep "$pause"
}

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

# What etcd or its tool said last; of a panic what it was about, without the stacks.
last_words() {
  sed '/^goroutine [0-9]/,$d' -- "$staging/log" | grep . | tail -n 5 | cut -c 1-500 | tr -d '\001-\011\013-\037\177' |
    sed 's/^/restore:   /' >&2 || true
}

json_text() {
  local text=${1//\\/\\\\}
  text=${text//$'\n'/\\n}
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
