#!/usr/bin/env bash
#
# Puts what comes on stdin in place of etcd's environment file, at once or not at all; keeps the token line that a
# restore has written. Does not touch an etcd that runs: it reads the file when it starts next.
#
#   etcd-restore-environment < TEXT
#
# Exit codes: 0 good, 2 stdin was no environment file, 3 it could not be written.

set -euo pipefail
umask 022

readonly FILE=/etc/default/etcd TOKEN='^ETCD_INITIAL_CLUSTER_TOKEN='

new=$(mktemp "$FILE.XXXXXX") || exit 3
trap 'rm -f -- "$new"' EXIT
cat >"$new"
if ! grep -q '^ETCD_DATA_DIR=' "$new" || ! grep -q "$TOKEN" "$new"; then
  echo "etcd-restore-environment: stdin holds no settings of an etcd; $FILE was not touched" >&2
  exit 2
fi
if token=$(grep -m 1 "$TOKEN" "$FILE" 2>/dev/null); then
  sed -i "s|$TOKEN.*|${token//[|&\\]/}|" "$new"
fi
chmod 0644 -- "$new"
sync -- "$new" && mv -f -- "$new" "$FILE" || exit 3
