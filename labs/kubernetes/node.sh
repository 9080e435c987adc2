#!/usr/bin/env bash
#
# The node of the Kubernetes lab: a world of its own for everything that the lab starts.
#
#   node.sh STATE KUBERNETES PACKAGES            joins control groups of its own, then keeps the namespaces
#   node.sh --inside STATE KUBERNETES PACKAGES   is process 1 in them: mounts, network, containerd, kubelet
#
# STATE is the lab's folder, KUBERNETES has the programs of that name, PACKAGES the unpacked ones of containerd.
# Mounts, network and processes end with process 1. Writes STATE/log/node-ready once containerd answers.

set -euo pipefail
export LC_ALL=C
readonly group=etcd-restore-kubernetes

# With version 2 of control groups there is one hierarchy, with version 1 one for each controller, or for some together.
groups=$(stat -f -c %T /sys/fs/cgroup)

# In a control group of the lab's own, in every hierarchy: the group namespace shows it as the root of all.
join_groups() {
  local hierarchy
  if [[ $groups == cgroup2fs ]]; then
    mkdir -p "/sys/fs/cgroup/$group"
    echo $$ >"/sys/fs/cgroup/$group/cgroup.procs"
    return
  fi
  for hierarchy in /sys/fs/cgroup/*; do
    [[ ! -L $hierarchy && $(stat -f -c %T "$hierarchy") == cgroupfs ]] || continue
    mkdir -p "$hierarchy/$group"
    if [[ -e $hierarchy/cpuset.cpus ]]; then
      cat "$hierarchy/cpuset.cpus" >"$hierarchy/$group/cpuset.cpus"
      cat "$hierarchy/cpuset.mems" >"$hierarchy/$group/cpuset.mems"
      echo 1 >"$hierarchy/$group/cgroup.clone_children"
    fi
    echo $$ >"$hierarchy/$group/cgroup.procs"
  done
}

mount_groups() {
  local controllers controller
  if [[ $groups == cgroup2fs ]]; then
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    # A group that has groups below it may hold no process itself.
    mkdir /sys/fs/cgroup/init
    echo $$ >/sys/fs/cgroup/init/cgroup.procs
    sed 's/\([^ ]\+\)/+\1/g' /sys/fs/cgroup/cgroup.controllers >/sys/fs/cgroup/cgroup.subtree_control
    return
  fi
  mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
  while IFS=: read -r _ controllers _; do
    case $controllers in
      "") ;;
      name=*)
        mkdir "/sys/fs/cgroup/${controllers#name=}"
        mount -t cgroup -o "none,$controllers" cgroup "/sys/fs/cgroup/${controllers#name=}"
        ;;
      *)
        mkdir "/sys/fs/cgroup/$controllers"
        mount -t cgroup -o "$controllers" cgroup "/sys/fs/cgroup/$controllers"
        for controller in ${controllers//,/ }; do
          [[ -e /sys/fs/cgroup/$controller ]] || ln -s "$controllers" "/sys/fs/cgroup/$controller"
        done
        ;;
    esac
  done </proc/self/cgroup
}

if [[ $1 != --inside ]]; then
  join_groups
  exec unshare --cgroup --mount --net --uts --ipc --pid --fork --kill-child --mount-proc "$0" --inside "$@"
fi

readonly state=$2 node=${LAB_NODE:?} address=${LAB_ADDRESS:?}
export PATH=$3:$4/usr/bin:$4/usr/sbin:/usr/sbin:/usr/bin:/sbin:/bin

# Private towards the computer, shared within: a kubelet wants it so.
mount --make-rprivate /
mount --make-rshared /
mount -t sysfs sysfs /sys
mount_groups

# Everything is where each handbook has it, and nothing of it is the computer's.
mount -t overlay -o "lowerdir=/etc,upperdir=$state/etc,workdir=$state/etc-work" etc /etc
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/netns
mkdir /run/var-lib /run/var-lib/cni
for part in containerd kubelet etcd etcd-events; do
  mkdir "/run/var-lib/$part"
  mount --bind "$state/$part" "/run/var-lib/$part"
done
mount --bind "$state/log" /var/log
# From here on the state folder itself is out of sight.
mount --rbind /run/var-lib /var/lib

# What a kubelet would set for the whole computer it finds as it wants it, and leaves alone.
pin() {
  mkdir -p /run/sysctl
  echo "$2" >"/run/sysctl/$1"
  mount --bind "/run/sysctl/$1" "/proc/sys/${1//.//}"
}
pin vm.overcommit_memory 1
pin vm.panic_on_oom 0
pin kernel.panic 10
pin kernel.panic_on_oops 1
pin kernel.keys.root_maxkeys 1000000
pin kernel.keys.root_maxbytes 25000000

# No network but this: a kubelet takes no address of 127.0.0.0/8 for its node's.
hostname "$node"
ip link set lo up
ip address add "$address/32" dev lo
printf '127.0.0.1 localhost\n%s %s\n' "$address" "$node" >/etc/hosts

containerd --config /etc/containerd/config.toml >/var/log/containerd.log 2>&1 &
until ctr version >/dev/null 2>&1; do sleep 0.1; done
: >/var/log/node-ready

# What systemd does for a kubelet: start it once kubeadm has written its files, and again whenever it ends.
keep_kubelet() {
  local -a more
  while sleep 0.2; do
    [[ -f /var/lib/kubelet/config.yaml && -f /etc/kubernetes/kubelet.conf ]] || continue
    more=()
    if [[ -f /var/lib/kubelet/kubeadm-flags.env ]]; then
      eval "more=($(sed -n 's/^KUBELET_KUBEADM_ARGS="\(.*\)"$/\1/p' /var/lib/kubelet/kubeadm-flags.env))"
    fi
    kubelet --kubeconfig=/etc/kubernetes/kubelet.conf --config=/var/lib/kubelet/config.yaml "${more[@]}" \
      >>/var/log/kubelet.log 2>&1 || sleep 1
  done
}
keep_kubelet &

# Bash takes in the orphans of everybody in here.
trap 'exit 0' TERM INT
while :; do
  sleep 86400 &
  wait $! || true
done
