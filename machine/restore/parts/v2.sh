# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the parts share their variables
#
# A store of etcd's old v2 keys: restored as its admin guide says (v2.3 admin_guide.md, "Disaster Recovery"), and proved
# beside the old data by reading back every key.

readonly V2_SETTING=ETCD_ENABLE_V2=true

# Before the backup is copied here.
check_v2() {
  [[ -n $v2 ]] || return 0
  case $minor in
    3.[0-5]) ;;
    *)
      fail 2 "etcd $version has no v2 store; 3.5 is the newest that has: set etcdVersion to 3.5 or 3.4, and where" \
        "etcdInstall is apt, set that to release or upload"
      ;;
  esac
  local tool
  for tool in tar curl awk; do
    command -v "$tool" >/dev/null || fail 3 "there is no program $tool, which a v2 store is restored with"
  done
}

restore_v2_beside() {
  say "laying the v2 store of $snapshot beside $data"
  mkdir -- "$staging/data"
  guarded tar --extract --no-same-owner --file "$snapshot" --directory "$staging/data"
  join || fail 3 "$snapshot cannot be unpacked"
  mv -- "$staging/data/ask" "$staging/data/expected" "$staging/"
  read -r token </proc/sys/kernel/random/uuid
  mark
}

prove_v2() {
  say "starting it once as a new cluster, on a private socket"
  trial=$staging/data
  start_trial "$V2_SETTING" ETCD_FORCE_NEW_CLUSTER=true
  mend_peer_url
  end_trial
  say "proving every key of the v2 store on a private socket"
  start_trial "$V2_SETTING"
  compare_v2
  if ((revision > 0)); then
    local of_v2=$proof
    prove_hashkv
    proof="$of_v2; v3 beside it: ${proof#proved: }"
  fi
  say "$proof"
  end_trial
  lap prove
}

# Its cluster is of one member now, whose peer URL is etcd's default or that of the machine it comes from.
mend_peer_url() {
  local url=${setting[ETCD_INITIAL_ADVERTISE_PEER_URLS]} member
  ask_trial "$wait_seconds" member list || refuse_trial "etcd does not tell its members: ${answer##*$'\n'}"
  member=${answer%%,*}
  [[ $member =~ ^[0-9a-f]+$ && $answer != *$'\n'* ]] || refuse_trial "one member was expected, etcd tells others: $answer"
  ask_trial "$wait_seconds" member update "$member" --peer-urls="$url" ||
    refuse_trial "the member's peer URL cannot be set to $url: ${answer##*$'\n'}"
}

# Each key and folder on a line of its own, without the ttl, which runs, in the form of `expected`.
#
# A quote inside of a key or a value has a backslash before it: what is looked for here stands nowhere but between them.
# \b and \f are what Go from 1.22 on writes for \u0008 and \u000c; \ufffd is what it writes for a byte that is no text.
readonly one_by_one='
  s/\{"key":"/\n&/g
  s/\],"modifiedIndex":/\n&/g
  s/("expiration":"[^"]*"),"ttl":-?[0-9]+/\1/g
  :again
  s/(^|[^\\])((\\\\)*)\\b/\1\2\\u0008/g
  s/(^|[^\\])((\\\\)*)\\f/\1\2\\u000c/g
  s/(^|[^\\])((\\\\)*)\\ufffd/\1\2\xef\xbf\xbd/g
  t again'
# shellcheck disable=SC2016 # for awk
readonly with_folders='
  /^\{"key":"/ {
    if (sub(/,"nodes":\[$/, "")) { open[depth++] = $0; next }
    sub(/\}[],}]*$/, "}"); print; next
  }
  /^\],"modifiedIndex":/ { sub(/^\]/, ""); sub(/\}[],}]*$/, "}"); print open[--depth] $0 }'
# Counts: as expected, run out, missing, and there although nothing like it was expected.
# shellcheck disable=SC2016 # for awk
readonly compare_lines='
  BEGIN { FS = "\t" }
  FILENAME == ARGV[1] { found[$0]++; next } # there may be none: NR == FNR would take the second file for the first
  {
    line = substr($0, index($0, "\t") + 1)
    if (line in found) { same++; delete found[line] }
    else if ($1 != "-" && $1 + 0 <= now) over++
    else missing++
  }
  END { for (line in found) others++; print same + 0, over + 0, missing + 0, others + 0 }'

compare_v2() {
  local counts same over missing others
  local certificate=${root_certificate:-${setting[ETCD_CERT_FILE]}} key=${root_key:-${setting[ETCD_KEY_FILE]}}
  cd -- "$staging/proof" || return
  clean -- curl --silent --show-error --max-time "$wait_seconds" --unix-socket "$TRIAL_SOCKET" \
    --cacert "${setting[ETCD_TRUSTED_CA_FILE]}" --cert "$certificate" --key "$key" --write-out '\n%{http_code}\n' \
    --config "$staging/ask" >"$staging/answers" 2>"$staging/asked" 9>&- & # in the background: `clean` becomes it
  local code=0
  wait $! || code=$?
  cd /
  ((code == 0)) || refuse_trial "etcd does not answer for its v2 keys: $(tail -n 1 -- "$staging/asked")"
  case $(grep -E '^[0-9]{3}$' -- "$staging/answers" | grep -v -e 200 -e 404 | head -n 1) in # 404: a hidden key that has run out
    '') ;;
    401) refuse_trial "the v2 store asks for a user, and does not take our client certificate for its user root" ;;
    *) refuse_trial "etcd does not answer for its v2 keys" ;;
  esac
  sed -E "$one_by_one" -- "$staging/answers" | awk "$with_folders" >"$staging/found"
  counts=$(awk -v now="$EPOCHSECONDS" "$compare_lines" "$staging/found" "$staging/expected")
  read -r same over missing others <<<"$counts"
  ((missing + others == 0)) ||
    refuse_data "of the v2 store $missing keys and folders are not as the backup holds them, and $others are there that it does not hold"
  proof="proved: all $same keys and folders of the v2 store, read back one by one$( ((over == 0)) || printf '; %s have run out' "$over")"
}
