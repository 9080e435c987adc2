# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the parts share their variables
#
# A member of a cluster, restored in step with the others: all of them serve the backup, or each what it had before.
#
# Whoever runs us says a word on stdin for each line of JSON that we print; when it goes away, or another member fails,
# stdin ends, and we put back what was there.

# A member among others has more than one in its cluster.
is_among_others() { [[ ${setting[ETCD_INITIAL_CLUSTER]} == *,* ]]; }

cluster_token=''

# From here on nothing that we start reads our words.
listen_to_words() { [[ -z $in_step ]] || exec 7<&0 </dev/null; }

# Says where we are, and waits until we are told to go on; what we are told is in `told`.
told=''
step() { # AT WORD [JSON-FIELDS]
  [[ -n $in_step ]] || return 0
  printf '{"at":"%s"%s}\n' "$1" "${3-}"
  told=''
  IFS= read -r told <&7 || true
  [[ $told == "$2"* ]] || give_up
}

give_up() { fail 3 "gave up: another member of the cluster has failed, or whoever restores them has ended"; }

# While we wait nobody has a word for us but the end.
is_given_up() { [[ -n $in_step ]] && read -r -t 0 <&7; }

# A member that took part in a cluster must not come back without its log: it would vote a second time. So either all
# have the data of one restore, or all are restored anew, with a token that none had before.
agree_on_token() {
  [[ -n $in_step ]] || return 0
  local found=''
  ! is_restored || found=$(sed -n 's/^token=//p' "$data/$marker")
  step found token ",\"token\":\"$found\""
  cluster_token=${told#token }
  [[ $cluster_token =~ ^[0-9a-f-]{36}$ ]] || fail 2 "\"$cluster_token\" is no token of a restore"
  set_wait_seconds
}

# Its etcd does not come up with the others on the data that it has: whoever restores them begins anew with all.
say_lost() {
  printf '{"at":"lost"}\n'
  fail 3 "etcd does not come up with the other members"
}
