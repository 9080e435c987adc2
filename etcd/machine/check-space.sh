#!/usr/bin/env bash
#
# Refuses a machine whose disk is too small for a backup before it is copied there. Run over SSH, as root, with this
# text on stdin:
#
#   bash -s -- UPLOADS STATE UPLOAD-BYTES STORE-BYTES
#
# UPLOADS is where the upload will lie, STATE where the store will be restored, beside what is there. An upload that
# lies there already counts as free: it will be written over.
#
# Exit codes: 0 it fits; 3 it does not.

set -euo pipefail
export LC_ALL=C

readonly MIB=1048576
readonly ROOM=$((144 * MIB)) # two WAL files of 64 MiB, and small things
readonly uploads=$1 state=$2 upload_bytes=$3 store_bytes=$4

free() { df --output=avail -B1 -- "$1" | tail -n 1; }

check() { # DIRECTORY NEEDED WHAT-FOR
  local available
  available=$(free "$1")
  if [[ $1 == "$uploads" ]]; then
    available=$((available + $(du -sB1 -- "$uploads" | cut -f 1)))
  fi
  ((available >= $2)) && return
  echo "check-space: not enough space in $1 for $3: $(($2 / MIB + 1)) MiB needed, $((available / MIB)) MiB free;" \
    "take a flavor with a larger disk, or a larger dataVolumeGiB" >&2
  exit 3
}

if [[ $(stat -c %d -- "$uploads") == "$(stat -c %d -- "$state")" ]]; then
  check "$uploads" $((upload_bytes + store_bytes + ROOM)) "the backup and the restored store"
else
  check "$uploads" "$upload_bytes" "the backup"
  check "$state" $((store_bytes + ROOM)) "the restored store"
fi
echo "it fits"
