#!/usr/bin/env bash
#
# Keeps what comes on stdin as the environment file that etcd shall have next, at once or not at all. Does not touch the
# one that it has: restore.sh puts it in place, together with the data and a token.
#
#   etcd-restore-environment < TEXT
#
# Exit codes: 0 good, 2 stdin was no environment file, 3 it could not be written.

set -euo pipefail
umask 022

readonly FILE=/var/lib/etcd-restore/next.env

new=$(mktemp "$FILE.XXXXXX") || exit 3
trap 'rm -f -- "$new"' EXIT
cat >"$new"
if ! grep -q '^ETCD_DATA_DIR=' "$new" || ! grep -q '^ETCD_INITIAL_CLUSTER_TOKEN=' "$new"; then
  echo "etcd-restore-environment: error: stdin holds no settings of an etcd; $FILE was not touched" >&2
  exit 2
fi
chmod 0644 -- "$new"
sync -- "$new" && mv -f -- "$new" "$FILE" || exit 3
