#!/usr/bin/env bash
#
# The first process of the OpenStack lab: a world of its own for everything that the lab starts. Run it so:
#
#   unshare --mount --propagation private --net --pid --uts --ipc --fork --kill-child --mount-proc \
#     capsule.sh STATE LIBVIRT-CACHE
#
# Its mounts, its network and its processes end with it, whatever they are. Writes STATE/capsule-ready once it is made.

set -euo pipefail
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin

readonly state=$1 libvirt_cache=$2

hostname lab

# Everybody in here finds the lab at the same short path: the path of a Unix socket holds 108 bytes, and the configuration
# files need no templates.
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lab /run/lock /run/netns /run/libvirt
mount --bind "$state" /run/lab

# The network that tools see in /sys is this one's. Control groups are hidden by it: libvirt does without.
mount -t sysfs -o ro sysfs /sys

# What packages keep elsewhere is the lab's own here, and the computer's is not changed.
mount --bind /run/lab/tmp /tmp
mount --bind /run/lab/etc/libvirt /etc/libvirt
mkdir -p /var/lib/libvirt /var/cache/libvirt
mount --bind /run/lab/libvirt /var/lib/libvirt
mount --bind "$libvirt_cache" /var/cache/libvirt

# Servers are emulated; libvirt would try the device all the same.
[[ ! -e /dev/kvm ]] || mount --bind /dev/null /dev/kvm

# The network outside, as the cloud sees it. This computer hangs on it by the other end of "uplink"; the cloud's own
# services listen on the bridge's address.
ip link set lo up
# A bridge without a MAC of its own takes the smallest of its ports': each router that comes or goes would change it,
# and for up to a minute this computer would send to the old one.
ip link add br-ex address 02:00:5e:00:53:01 type bridge
ip link set br-ex up
until [[ -e /sys/class/net/uplink ]]; do sleep 0.05; done
ip link set uplink master br-ex up
ip address add 203.0.113.194/26 dev br-ex
# Security groups are rules of iptables, which must see what passes a bridge.
for family in iptables ip6tables; do
  echo 1 >"/proc/sys/net/bridge/bridge-nf-call-$family" 2>/dev/null || true
done

: >/run/lab/capsule-ready

# Bash takes in the orphans of everybody in here.
trap 'exit 0' TERM INT
while :; do
  sleep 86400 &
  wait $! || true
done
