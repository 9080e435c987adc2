#!/usr/bin/env bash
#
# Puts etcd's certificates and keys in place, each at once or not at all; root's, readable by etcd. An etcd that runs
# goes on with what it has read.
#
#   etcd-restore-certificates < TEXT
#
# TEXT holds, for each of the seven files, a line "file NAME" and behind it the PEM text. Nothing of it is ever printed.
#
# Exit codes: 0 good, 2 stdin did not hold the seven files, 3 they could not be written.

set -euo pipefail
umask 077

readonly DIRECTORY=/etc/etcd/certificates OWNER=root:etcd
readonly NAMES=(ca.crt server.crt server.key peer.crt peer.key root.crt root.key)

new=$(mktemp -d "$DIRECTORY.XXXXXX") || exit 3
trap 'rm -rf -- "$new"' EXIT

target=
while IFS= read -r line || [[ -n $line ]]; do
  if [[ $line =~ ^file\ ([a-z]+\.(crt|key))$ ]]; then
    target=$new/${BASH_REMATCH[1]}
  elif [[ -n $target ]]; then
    printf '%s\n' "$line" >>"$target"
  fi
done

for name in "${NAMES[@]}"; do
  if ! grep -q '^-----BEGIN ' "$new/$name" 2>/dev/null || ! grep -q '^-----END ' "$new/$name"; then
    echo "etcd-restore-certificates: error: stdin holds no $name; nothing was touched" >&2
    exit 2
  fi
done
for name in "${NAMES[@]}"; do
  owner=$OWNER
  [[ $name != root.* ]] || owner=root:root # for the restore script alone
  { chown -- "$owner" "$new/$name" && chmod 0640 -- "$new/$name" && sync -- "$new/$name"; } || exit 3
done
for name in "${NAMES[@]}"; do
  mv -f -- "$new/$name" "$DIRECTORY/$name" || exit 3
done
