#!/bin/sh
#
# Sends what the v2 store of an etcd member is read from, as one gzip stream on stdout. It runs where the data is: on a
# machine over SSH, or in a pod on etcd's node. It needs sh, cat, gzip, head and wc, and changes nothing there.
#
#   send-member.sh DATA-DIR DATABASE
#
# DATABASE is yes or no: whether the database of the v3 keys is wished for. It is sent only where no etcd has it open.
#
# The stream, unpacked, is made of lines, and behind each line "file" of so many bytes:
#
#   etcd stopped|runs|unknown     whether an etcd has the database open; bbolt keeps a lock on it (bolt_unix.go, flock)
#   database yes|no               whether there is one
#   file snap/NAME BYTES
#   end stopped|runs|unknown      the same once more, now
#
# Snapshots go before the log, which is only added to: what comes later goes on from them. Exit codes: 0 all was sent;
# 2 there is no log of a member, or it may not be read.

set -eu
LC_ALL=C
export LC_ALL

directory=$1 wanted=$2

fail() {
  printf 'send-member: %s\n' "$*" >&2
  exit 2
}

etcd() {
  code=0
  [ -e snap/db ] || { echo stopped; return; }
  # The shell says 127 where there is no flock, and flock itself 1 where somebody else has the lock.
  flock -n -s snap/db true 2>/dev/null || code=$?
  case $code in
    0) echo stopped ;;
    1) echo runs ;;
    *) echo unknown ;;
  esac
}

send() {
  [ -f "$1" ] || return 0 # a pattern that nothing fits
  bytes=$(wc -c <"$1")
  printf 'file %s %d\n' "$1" "$bytes"
  head -c "$bytes" "$1"
}

[ -d "$directory" ] || fail "there is no directory $directory"
cd "$directory"
[ ! -d member ] || cd member
for log in wal/*.wal; do break; done
[ -f "$log" ] || fail "$directory is no data directory of etcd: no member/wal in it"
[ -r "$log" ] || fail "$directory may not be read"

{
  now=$(etcd)
  echo "etcd $now"
  if [ -e snap/db ]; then echo "database yes"; else echo "database no"; fi
  for file in snap/????????????????-????????????????.snap; do send "$file"; done
  for file in wal/????????????????-????????????????.wal; do send "$file"; done
  [ "$wanted $now" != "yes stopped" ] || send snap/db
  echo "end $(etcd)"
} | gzip -1
