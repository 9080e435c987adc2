#!/usr/bin/env bash
#
# import-images.sh FOLDER PACKAGES: a containerd of its own imports FOLDER/images.tar, and leaves its root folder as
# FOLDER/containerd. Every node starts from that, so that no `up` imports anything.

set -euo pipefail
export LC_ALL=C

if [[ $1 != --inside ]]; then
  exec unshare --mount --net --pid --fork --kill-child --mount-proc "$0" --inside "$@"
fi

readonly folder=$2 packages=$3
export PATH=$packages/usr/bin:$packages/usr/sbin:/usr/sbin:/usr/bin:/sbin:/bin
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /run
cat >/run/containerd.toml <<END
version = 2
root = "$folder/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[plugins."io.containerd.internal.v1.opt"]
  path = "/run/opt"
[grpc]
  address = "/run/containerd/containerd.sock"
END
containerd --config /run/containerd.toml >/run/containerd.log 2>&1 &
daemon=$!
until ctr version >/dev/null 2>&1; do
  kill -0 "$daemon" 2>/dev/null || { tail -n 5 /run/containerd.log >&2; exit 1; }
  sleep 0.1
done
ctr --namespace k8s.io images import "$folder/images.tar"
kill "$daemon"
wait "$daemon" || true
