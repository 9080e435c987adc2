# shellcheck shell=bash
#
# What restore.sh and local-service.sh have in common: how they speak, and how an environment file is read.
#
# The script that takes this sets `speaker`, the name in front of its lines.

# A reader of our lines that goes away must not stop a swap half way.
say() { printf '%s: %s\n' "${speaker:?}" "$(visible "$*")" >&2 || true; }

# Control characters, which may come from a path or an answer, as `?`: they would move the terminal's cursor.
visible() { printf '%s' "${1//[$'\001'-$'\011'$'\013'-$'\037'$'\177']/?}"; }

# Ends the run with an exit code and a message, which is the cause of the run's end in a report. `foreseen` tells a trap
# that the message was given.
foreseen=
fail() {
  foreseen=$1
  say "error: ${*:2}"
  exit "$foreseen"
}

# shellcheck disable=SC2034,SC2004 # the array is the caller's, and it is associative
# Reads the settings of an environment file into the array of that name: KEY="VALUE", a line for each.
read_settings() { # FILE ARRAY
  local line
  local -n settings_read=$2
  settings_read=()
  while IFS= read -r line || [[ -n $line ]]; do
    if [[ $line =~ ^(ETCD_[A-Z0-9_]+)=\"?([^\"]*)\"?$ ]]; then settings_read[${BASH_REMATCH[1]}]=${BASH_REMATCH[2]}; fi
  done <"$1"
}

# The words that run a program, by its path, in an empty environment but for the words KEY=VALUE in front of `--` (or
# options of `env`), into the array of that name. By `nice`, which changes nothing: `env` would take a path with `=` in it
# for one more variable.
clean_words() { # ARRAY [KEY=VALUE…] -- PROGRAM [WORD…]
  local -n clean_result=$1
  local variables=()
  shift
  while [[ $1 != -- ]]; do
    variables+=("$1")
    shift
  done
  shift
  # shellcheck disable=SC2034 # It is the caller's.
  clean_result=(env -i "${variables[@]}" "PATH=$PATH" "HOME=${HOME:-/}" nice -n 0 -- "$@")
}

# Becomes it.
clean() {
  local words
  clean_words words "$@"
  exec "${words[@]}"
}
