#!/usr/bin/env bash
#
# Machines of the tests: a root with systemd in it, booted by systemd-nspawn with a network of its own. As root.
#
#   machine.sh up NAME ROOT SEED HOST GUEST ADDRESS GATEWAY MAC BRIDGE
#                      boots one; returns when its init is about to start
#     ROOT             is only read: what the machine writes goes to memory, and with it
#     SEED             folder that cloud-init finds as its seed, with `config_drive/` in it
#     HOST, GUEST      the two usable addresses of a /30: the machine is reached from here at GUEST, and reaches HOST
#     ADDRESS, GATEWAY, MAC
#                      its own ones in the network that it believes to be in; its card is called ens3
#     BRIDGE           what the cable leads to, made by the first machine that names it and gone with the last: machines at
#                      the same one reach each other
#   machine.sh in NAME COMMAND...   runs a command in it, as root
#   machine.sh console NAME         prints what its init said
#   machine.sh down NAME            ends it at once and leaves nothing behind; no error when there is none
#   machine.sh sweep                does so for every machine there is
#
# NAME has up to 6 letters and digits, BRIDGE up to 10. Everything of a machine lives in one control group, one mount
# namespace and one network namespace, so it is gone with its last process, but for the bridge.

set -euo pipefail
export LC_ALL=C

readonly RUN=/run/etcd-restore-machines PREFIX=etcd-restore-machine- BRIDGES=/run/etcd-restore-bridges WAIT_SECONDS=30
readonly REBOOTED=133 # how nspawn ends, as part of a unit, when its machine wants to boot again

say() { printf 'machine: %s\n' "$*" >&2; }

# On computers with the old control groups the new ones lie elsewhere, empty; where there are none, we show them to us.
cgroups=''
find_cgroups() {
  cgroups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
  [[ -n $cgroups ]] || {
    say "this computer shows no cgroup2 file system"
    exit 3
  }
}

up() {
  local name=$1 directory=$RUN/$1 line=''
  [[ ! -e $directory ]] || {
    say "$name is there already"
    exit 3
  }
  mkdir -p "$directory"
  echo "$9" >"$directory/bridge"
  join_bridge "$9"
  mkfifo "$directory/ready"
  setsid unshare --mount --net --propagation private -- \
    "$0" boot "$@" "$$" \
    </dev/null >"$directory/console" 2>&1 &
  # Both ways, or opening it would wait for a machine that never was.
  exec {ready}<>"$directory/ready"
  if ! read -r -t "$WAIT_SECONDS" -u "$ready" line || [[ $line != ok ]]; then
    say "$name did not start: $(tail -n 5 "$directory/console")"
    down "$name"
    exit 3
  fi
}

# The bridge of a machine that comes: there is one while any machine has it.
join_bridge() {
  mkdir -p "$BRIDGES"
  (
    flock 9
    # A bridge without a MAC of its own takes the smallest of its ports': each machine that comes or goes would change it.
    [[ -e /sys/class/net/$1 ]] || ip link add "$1" address 02:00:5e:00:53:02 type bridge
    ip link set "$1" up
  ) 9>"$BRIDGES/lock"
}

# Of a machine that has gone: the bridge goes with the last one that has it.
leave_bridge() {
  (
    flock 9
    grep -qsxF -- "$1" "$RUN"/*/bridge || ip link delete "$1" 2>/dev/null || true
  ) 9>"$BRIDGES/lock"
}

# In the namespaces of the machine; runs its systemd-nspawn.
boot() {
  local name=$1 root=$2 seed=$3 host=$4 guest=$5 address=$6 gateway=$7 mac=$8 bridge=$9 outside=${10}
  local directory=$RUN/$name
  # shellcheck disable=SC2064 # this directory, now
  trap "echo failed >'$directory/ready'" ERR

  # Only the new control groups, without controllers where the old ones hold these: enough to follow processes, and
  # systemd 257 takes no others.
  umount -R /sys/fs/cgroup
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  mkdir -p "/sys/fs/cgroup/$PREFIX$name"
  echo $$ >"/sys/fs/cgroup/$PREFIX$name/cgroup.procs"

  # nspawn keeps locks and mount points there.
  mkdir -p /run/systemd
  mount -t tmpfs -o mode=755 tmpfs /run/systemd

  mount -t tmpfs -o mode=755 machine /mnt
  mkdir /mnt/{written,work,root}
  mount -t overlay -o "lowerdir=$root,upperdir=/mnt/written,workdir=/mnt/work" machine /mnt/root
  mkdir -p /mnt/root/var/lib/cloud/seed
  cp -r -- "$seed/." /mnt/root/var/lib/cloud/seed/

  # The machine knows nothing of the address at which it is reached, as with a floating IP: that lies on lo, for nobody
  # here translates addresses. The gateway is the bridge that its cable leads to.
  ip link set lo up
  ip address add "$guest/32" dev lo
  ip link add ens3 address "$mac" type veth peer name "erm-$name" netns "$outside"
  nsenter --target "$outside" --net -- sh -ec "
    ip address replace '$host/30' dev '$bridge'
    ip address replace '$gateway/32' dev '$bridge'
    ip link set 'erm-$name' master '$bridge' up
    ip route replace '$address/32' dev '$bridge'"
  ip link set ens3 up

  echo ok >"$directory/ready"
  trap - ERR
  # No systemd out here to register with. With a namespace that was made for it nspawn keeps CAP_NET_ADMIN only when
  # told so, and without it networkd does not start.
  local code
  while
    code=0
    systemd-nspawn --quiet --boot --register=no --keep-unit --link-journal=no --resolv-conf=off --timezone=off \
      --machine="erm-$name" --directory=/mnt/root --network-namespace-path="/proc/$$/ns/net" \
      --capability=CAP_NET_ADMIN --console=pipe || code=$?
    ((code == REBOOTED))
  do :; done
}

# Init of the machine: the one process in its group that is the first of a pid namespace. There is none yet for a moment
# after `up`, and none for a moment in a reboot: waits for it as long as anything of the machine runs.
leader() {
  find_cgroups
  local file pid group=$cgroups/$PREFIX$1 deadline=$((SECONDS + WAIT_SECONDS))
  while grep -q '^populated 1' "$group/cgroup.events" 2>/dev/null && ((SECONDS < deadline)); do
    while IFS= read -r file; do
      while IFS= read -r pid; do
        if grep -qE '^NSpid:\s+[0-9]+\s+1$' "/proc/$pid/status" 2>/dev/null; then
          echo "$pid"
          return
        fi
      done <"$file"
    done < <(find "$group" -name cgroup.procs 2>/dev/null)
    sleep 0.05
  done
  say "$1 does not run"
  return 3
}

inside() {
  local pid
  pid=$(leader "$1")
  exec nsenter --target "$pid" --mount --uts --ipc --net --pid -- "${@:2}"
}

down() {
  find_cgroups
  local group=$cgroups/$PREFIX$1 deadline=$((SECONDS + WAIT_SECONDS))
  # nspawn alone must not be killed: the machine's init would live on. The group's switch takes all at once.
  if [[ -d $group ]]; then
    echo 1 >"$group/cgroup.kill"
    while grep -q '^populated 1' "$group/cgroup.events"; do
      ((SECONDS < deadline)) || {
        say "$1: its processes did not end in $WAIT_SECONDS s"
        exit 3
      }
      sleep 0.05
    done
    find "$group" -depth -type d -exec rmdir {} +
  fi
  # The kernel takes the network namespace apart a moment after its last process, or minutes after: connections to another
  # machine that has gone wait for its answer. The cable goes at once.
  ip link delete "erm-$1" 2>/dev/null || true
  while [[ -e /sys/class/net/erm-$1 ]]; do
    ((SECONDS < deadline)) || {
      say "$1: its network did not go in $WAIT_SECONDS s"
      exit 3
    }
    sleep 0.05
  done
  local bridge=''
  [[ ! -e $RUN/$1/bridge ]] || bridge=$(<"$RUN/$1/bridge")
  rm -rf -- "${RUN:?}/$1"
  [[ -z $bridge ]] || leave_bridge "$bridge"
}

sweep() {
  find_cgroups
  local path
  for path in "$cgroups/$PREFIX"* "$RUN"/*; do
    [[ -d $path ]] || continue
    path=${path##*/}
    down "${path#"$PREFIX"}"
  done
}

case ${1-} in
  up | boot | down | sweep) "$1" "${@:2}" ;;
  in) inside "${@:2}" ;;
  console) cat -- "$RUN/$2/console" ;;
  *)
    sed -n '3,22p' "$0" >&2
    exit 2
    ;;
esac
