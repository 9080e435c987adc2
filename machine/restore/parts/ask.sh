# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the parts share their variables
#
# Asking an etcd: the member where it serves, and the trial on its private socket.
#
# Both show a client certificate whose common name is root, where one was given: with authentication on, etcd takes a
# certificate's common name for the user (`authStore.AuthInfoFromTLS`), so no password is needed.

answer=''
ask() { # LIMIT-SECONDS ARGUMENTS...
  local certificate=${root_certificate:-${setting[ETCD_CERT_FILE]}} key=${root_key:-${setting[ETCD_KEY_FILE]}}
  answer=$(clean ETCDCTL_API=3 -- "$next_programs/etcdctl" --command-timeout="$1s" --dial-timeout=5s \
    --cacert="${setting[ETCD_TRUSTED_CA_FILE]}" --cert="$certificate" --key="$key" "${@:2}" 2>&1 9>&-)
}

ask_member() { ask "$1" --endpoints="$endpoint" "${@:2}"; }

# etcd takes no path in such a URL: the socket's name is relative to the directory that it runs in. It is a host name
# too, the one that the server's certificate must hold.
readonly TRIAL_SOCKET=localhost:0
ask_trial() {
  cd -- "$staging/proof" || return
  local code=0
  ask "$1" --endpoints="unixs://$TRIAL_SOCKET" "${@:2}" || code=$?
  cd /
  return "$code"
}

# The answer is etcd's refusal of a client that it does not let in: it serves, and will not tell us more.
is_refused() { [[ $answer =~ (user name is empty|user name not found|permission denied|invalid auth token|authentication failed) ]]; }

# True when etcd serves. `endpoint health` is not asked: it calls a store unhealthy that has an alarm or authentication on.
is_serving() { # ask_member or ask_trial
  if "$1" 2 endpoint status -w json; then [[ $answer =~ \"leader\":[1-9] ]]; else is_refused; fi
}

# True when it also is of the version that is wished for, as far as it tells.
serves_wished_version() {
  is_serving ask_member && { is_refused || [[ $answer == *"\"version\":\"$version\""* ]]; }
}

# A number out of etcdctl's JSON; etcd leaves out zeros.
number() { if [[ $answer =~ \"$1\":(-?[0-9]+) ]]; then printf '%s' "${BASH_REMATCH[1]}"; else printf 0; fi; }

wait_until_serving() {
  local deadline=$((SECONDS + wait_seconds)) waited=90
  until is_serving ask_member; do
    if ! service status 2>/dev/null; then say "etcd ended"; return 1; fi
    if is_given_up; then say "another member has failed"; return 1; fi
    if ((SECONDS >= deadline)); then say "etcd did not serve at $endpoint in $wait_seconds s; last: ${answer##*$'\n'}"; return 1; fi
    nap waited
  done
}
