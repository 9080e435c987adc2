#!/usr/bin/env bash
#
# Builds the root of a test machine: Debian or Ubuntu with systemd, cloud-init, sshd and networkd, made to be booted by
# machine-up.sh. Needs root and mmdebstrap; takes a minute or two.
#
#   build-root.sh SUITE DIR < SOURCES
#
#   SOURCES   lines of an apt sources.list
#   DIR       is made; it must not be there. After a failure nothing is left of it

set -euo pipefail
export LC_ALL=C

readonly suite=$1 root=$2
readonly packages=(
  systemd-sysv dbus udev kmod libpam-systemd adduser cloud-init netplan.io iproute2 procps
  openssh-server openssh-sftp-server sudo ca-certificates curl systemd-resolved systemd-timesyncd
)

# In a namespace of its own, for mmdebstrap mounts /proc and /sys of the new root where everybody would see them: a build
# that is cut short must leave no mount behind, and no `rm -rf` may ever walk into one.
if [[ ${IN_NAMESPACE-} != 1 ]]; then
  IN_NAMESPACE=1 exec unshare --mount --propagation private -- "$0" "$@"
fi

trap 'rm -rf --one-file-system -- "$root"' ERR INT TERM
[[ ! -e $root ]] || {
  echo "build-root: $root is there already" >&2
  trap - ERR
  exit 3
}

include=$(IFS=, && echo "${packages[*]}")
mmdebstrap --quiet --mode=root --variant=minbase --include="$include" \
  --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' --aptopt='Acquire::Retries "4"' \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='force-unsafe-io' \
  "$suite" "$root" -

# An image has no identity yet: cloud-init gives it one.
rm -f -- "$root"/etc/ssh/ssh_host_* "$root/var/lib/dbus/machine-id"
: >"$root/etc/machine-id"
echo localhost >"$root/etc/hostname"
# Nothing is reached from there but what the test serves.
rm -f -- "$root/etc/apt/sources.list" "$root"/etc/apt/sources.list.d/*
# cloud-init's own default needs the package locales, and 22.4 ends in error without it.
echo 'locale: C.UTF-8' >"$root/etc/cloud/cloud.cfg.d/90_locale.cfg"
# netplan finds a network card by its permanent address, which a veth has not.
printf 'system_info:\n  network:\n    renderers: [networkd, netplan, eni]\n' >"$root/etc/cloud/cloud.cfg.d/91_renderer.cfg"
# Nobody sends router advertisements there; systemd 252 would wait 12 s for one.
mkdir -p "$root/etc/systemd/network/10-cloud-init-ens3.network.d"
printf '[Network]\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n' \
  >"$root/etc/systemd/network/10-cloud-init-ens3.network.d/no-ra.conf"
systemctl --root="$root" --quiet enable systemd-networkd.service
# Newer Ubuntu starts sshd by the first connection. One of the roots does the same, so that both ways are tried.
if [[ $suite != bookworm ]]; then
  systemctl --root="$root" --quiet disable ssh.service
  systemctl --root="$root" --quiet enable ssh.socket
fi
systemctl --root="$root" --quiet mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
  fstrim.timer e2scrub_all.timer
