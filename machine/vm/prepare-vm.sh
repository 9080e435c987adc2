#!/usr/bin/env bash
#
# Makes a fresh VM ready for a restore: run once by cloud-init, as root.
#
#   etcd-restore-prepare --state DIR --certificates DIR --uploads DIR --login-user USER --programs DIR --marker FILE
#                        [--volume ID] [--release ARCHITECTURE URL SHA256]... [--packages "NAME..."]
#
#   --state          folder of etcd's data directory; with --volume the place where that is mounted
#   --volume         id of a Cinder volume; formatted only when nothing at all is on it
#   --release        where the official tarball for an architecture (amd64, arm64) is, and its sha256
#   --packages       installed from the distribution, with the programs in --programs
#   --marker         written at the end: its presence says that everything above was done; holds when the system
#                    began to boot, in seconds since 1970, and how long it then took
#
# With neither --release nor --packages the programs come later, over SSH. Safe to run again. Never starts etcd.

set -Eeuo pipefail
export LC_ALL=C

readonly DEVICE_WAIT_SECONDS=120 LOCK_WAIT_SECONDS=600 CLOCK_WAIT_SECONDS=20 FETCH_ATTEMPTS=6

say() { printf 'prepare: %s\n' "$*"; }
fail() {
  printf 'prepare: error: %s\n' "$*" >&2
  exit 1
}
trap 'printf "prepare: error: \"%s\" failed in line %s\n" "$BASH_COMMAND" "$LINENO" >&2' ERR

state='' certificates='' uploads='' login_user='' programs='' marker='' volume='' packages=''
declare -A release_url=() release_sha256=()

read_flags() {
  while (($# > 0)); do
    case $1 in
      --release)
        (($# > 3)) || fail "--release needs ARCHITECTURE URL SHA256"
        release_url[$2]=$3
        release_sha256[$2]=$4
        shift 4
        ;;
      --state | --certificates | --uploads | --login-user | --programs | --marker | --volume | --packages)
        (($# > 1)) || fail "$1 needs a value"
        local name=${1#--}
        printf -v "${name//-/_}" '%s' "$2"
        shift 2
        ;;
      *) fail "unknown argument \"$1\"" ;;
    esac
  done
  [[ -n $state && -n $certificates && -n $uploads && -n $login_user && -n $programs && -n $marker ]] ||
    fail "--state, --certificates, --uploads, --login-user, --programs and --marker are needed"
}

# Nova tells the guest the volume's id as the disk's serial number, whole or its first 20 letters.
find_volume() {
  local deadline=$((SECONDS + DEVICE_WAIT_SECONDS)) link
  while true; do
    for link in /dev/disk/by-id/*"${volume:0:20}"*; do
      if [[ -b $link && $link != *-part* ]]; then
        device=$(realpath -- "$link")
        return
      fi
    done
    ((SECONDS < deadline)) ||
      fail "volume $volume did not appear in $DEVICE_WAIT_SECONDS s; there is: $(echo /dev/disk/by-id/*)"
    sleep 1
  done
}

mount_volume() {
  local device='' type='' code=0
  find_volume
  # blkid: 0 something is on it, 2 nothing that it knows. Anything else is no reason to format.
  type=$(blkid --probe --output value --match-tag TYPE --match-tag PTTYPE -- "$device") || code=$?
  if ((code == 2)) && [[ -z $type ]]; then
    say "formatting the empty volume $volume ($device)"
    mkfs.ext4 -q -m 0 -L etcd "$device"
  elif ((code == 0)) && [[ $type == ext4 ]]; then
    say "volume $volume ($device) has a file system: kept"
  else
    fail "volume $volume ($device) holds \"${type//$'\n'/ }\" (blkid ended with $code), not an ext4 file system; it is left as it is"
  fi
  local uuid
  uuid=$(blkid --probe --output value --match-tag UUID -- "$device")
  install -d -- "$state"
  if ! grep -q "^UUID=$uuid " /etc/fstab; then
    # nofail: a volume that is gone must not keep the machine from booting; etcd's unit waits for the mount itself.
    printf 'UUID=%s %s ext4 defaults,nofail,x-systemd.device-timeout=120 0 2\n' "$uuid" "$state" >>/etc/fstab
    systemctl daemon-reload
  fi
  mountpoint -q -- "$state" || mount -- "$state"
}

make_directories() {
  getent passwd etcd >/dev/null || fail "there is no user etcd; cloud-init should have made it"
  install -d -m 0700 -o etcd -g etcd -- "$state"
  install -d -m 0750 -o root -g etcd -- "$certificates"
  install -d -m 0700 -o "$login_user" -g "$login_user" -- "$uploads"
}

# Goes on where it was cut: a mirror may be slow and give up on the way.
fetch() { # URL FILE
  local attempt code
  for ((attempt = 1; attempt <= FETCH_ATTEMPTS; attempt++)); do
    ((attempt == 1)) || sleep 3
    code=0
    if command -v curl >/dev/null; then
      curl --fail --location --silent --show-error --connect-timeout 15 --speed-limit 1000 --speed-time 60 \
        --continue-at - --output "$2" -- "$1" || code=$?
      # An answer that is none, or one from a server that cannot go on in the middle: nothing of it is kept.
      case $code in 22 | 33 | 36) rm -f -- "$2" ;; esac
    else
      wget --quiet --tries 1 --timeout 60 --continue --output-document "$2" -- "$1" || code=$?
    fi
    ((code != 0)) || return 0
  done
  return "$code"
}

# An image's own upgrades hold apt's locks for minutes at its first boot; cloud-init gives up after 30 seconds.
apt_get() {
  local deadline=$((SECONDS + LOCK_WAIT_SECONDS)) output code waits=0
  while true; do
    code=0
    output=$(DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l apt-get --quiet --yes \
      -o DPkg::Lock::Timeout=5 -o Acquire::Retries=4 -o Acquire::http::Timeout=60 -o Acquire::https::Timeout=60 \
      -o Dpkg::Options::=--force-confold "$@" </dev/null 2>&1) || code=$?
    ((code != 0 && SECONDS < deadline)) || break
    [[ $output =~ Could\ not\ get\ lock[^$'\n']* ]] || break
    ((waits++ > 0)) || say "waiting up to $LOCK_WAIT_SECONDS s for another program: ${BASH_REMATCH[0]}"
    sleep 2
  done
  printf '%s\n' "$output"
  return "$code"
}

install_packages() {
  local names
  read -ra names <<<"$packages"
  # What is there may do, where a source that has nothing to do with us is down.
  apt_get update || say "warning: the lists of packages are not up to date"
  apt_get install --no-install-recommends "${names[@]}" ||
    fail "apt-get cannot install $packages; does the machine reach its mirror? Its clock says $(date --utc +%FT%TZ)"
}

install_release() {
  local architecture url sha256 found directory
  architecture=$(dpkg --print-architecture)
  url=${release_url[$architecture]-}
  sha256=${release_sha256[$architecture]-}
  [[ -n $url ]] || fail "no etcd release is named for the architecture $architecture; named are: ${!release_url[*]}"
  directory=$(mktemp -d)
  # shellcheck disable=SC2064 # this directory, now
  trap "rm -rf -- '$directory'" EXIT
  say "fetching $url"
  fetch "$url" "$directory/etcd.tar.gz" || fail "cannot fetch $url; does the machine reach it? (etcdMirror can name another place.) Its clock says $(date --utc +%FT%TZ)"
  found=$(sha256sum "$directory/etcd.tar.gz")
  found=${found%% *}
  [[ $found == "$sha256" ]] || fail "$url is not the pinned release: its sha256 is $found, expected $sha256"
  tar -xzf "$directory/etcd.tar.gz" -C "$directory" --strip-components=1 --no-same-owner
  local program
  for program in etcd etcdctl etcdutl; do
    if [[ -f $directory/$program ]]; then
      install -m 0755 -- "$directory/$program" "$programs/$program"
    elif [[ $program != etcdutl ]]; then # etcd 3.4 has none
      fail "there is no $program in $url"
    fi
  done
}

# A machine whose clock is wrong refuses certificates, those of mirrors too: where something sets it, that is waited
# for before anything is fetched.
keep_time() {
  local deadline=$((SECONDS + CLOCK_WAIT_SECONDS)) service
  timedatectl set-ntp true 2>/dev/null || say "warning: this machine has no service that sets its clock"
  ((${#release_url[@]} > 0)) || [[ -n $packages ]] || return 0
  for service in systemd-timesyncd chrony chronyd ntpsec ntp; do
    systemctl is-active --quiet "$service.service" || continue
    until [[ $(timedatectl show --property NTPSynchronized --value) == yes ]] || ((SECONDS >= deadline)); do sleep 0.5; done
    return 0
  done
}

# By the clock that nobody sets: the other one may have jumped when it was.
times() {
  local began uptime
  began=$(systemctl show --property UserspaceTimestampMonotonic --value)
  read -r uptime _ </proc/uptime
  awk -v began="$began" -v uptime="$uptime" -v now="$(date +%s.%N)" \
    'BEGIN { took = uptime - began / 1e6; printf "booted=%.1f\ninstall=%.1f\n", now - took, took }'
}

read_flags "$@"
rm -f -- "$marker"
systemctl daemon-reload
systemctl enable --now etcd-restore-guard-metadata.service
say "only root reaches the metadata service"
keep_time
[[ -z $volume ]] || mount_volume
make_directories
((${#release_url[@]} == 0)) || install_release
[[ -z $packages ]] || install_packages
if ((${#release_url[@]} > 0)) || [[ -n $packages ]]; then
  [[ -x $programs/etcd ]] || fail "there is no program $programs/etcd after the installation"
  version=$("$programs/etcd" --version)
  say "${version%%$'\n'*}"
fi
systemctl enable --quiet etcd.service
install -d -- "${marker%/*}"
times >"$marker.new"
mv -f -- "$marker.new" "$marker"
say "ready for a restore"
