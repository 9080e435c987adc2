#!/usr/bin/env bash
#
# Refuses a machine that cannot take a backup before it is copied there: its disk is too small, its etcd too old. Run
# over SSH, as root, with this text on stdin:
#
#   bash -s -- UPLOADS STATE UPLOAD-BYTES STORE-BYTES [PROGRAMS VERSION]
#
# UPLOADS is where the upload will lie, STATE where the store will be restored, beside what is there. An upload that
# lies there already counts as free: it will be written over. The etcd in PROGRAMS must be of VERSION or newer.
#
# Leaves UPLOADS/.copy-began, whose time is when the copies may begin.
#
# Exit codes: 0 it fits; 3 it does not.

set -euo pipefail
export LC_ALL=C

readonly MIB=1048576
readonly ROOM=$((144 * MIB)) # two WAL files of 64 MiB, and small things
readonly uploads=$1 state=$2 upload_bytes=$3 store_bytes=$4 programs=${5-} wanted=${6-}

free() { df --output=avail -B1 -- "$1" | tail -n 1; }

check() { # DIRECTORY NEEDED WHAT-FOR
  local available
  available=$(free "$1")
  if [[ $1 == "$uploads" ]]; then
    available=$((available + $(du -sB1 -- "$uploads" | cut -f 1)))
  fi
  ((available >= $2)) && return
  echo "check-space: error: not enough space in $1 for $3: $(($2 / MIB + 1)) MiB needed, $((available / MIB)) MiB free;" \
    "take a flavor with a larger disk, or a larger dataVolumeGiB" >&2
  exit 3
}

if [[ $(stat -c %d -- "$uploads") == "$(stat -c %d -- "$state")" ]]; then
  check "$uploads" $((upload_bytes + store_bytes + ROOM)) "the backup and the restored store"
else
  check "$uploads" "$upload_bytes" "the backup"
  check "$state" $((store_bytes + ROOM)) "the restored store"
fi
if [[ -n $programs ]]; then
  version=$("$programs/etcd" --version | sed -n 's/^etcd Version: //p')
  if [[ $(printf '%s\n' "$wanted" "$version" | sort -V | head -n 1) != "$wanted" ]]; then
    echo "check-space: error: the etcd in $programs is ${version:-of no known version}, and the backup needs $wanted: an older etcd" \
      "cannot be trusted to serve it; set etcdInstall to release or upload" >&2
    exit 3
  fi
fi
touch -- "$uploads/.copy-began"
echo "it fits"
