#!/usr/bin/env bash
#
# Builds what the lab's servers boot: Debian with cloud-init and sshd on a disk without partitions, and the kernel and
# initrd that nova boots it with. Small, so that an emulated processor boots it in half a minute. Needs root and
# mmdebstrap; takes a minute.
#
#   build-guest.sh SUITE DIR < SOURCES
#
#   SUITE     bookworm, trixie
#   SOURCES   lines of an apt sources.list
#   DIR       is made; it must not be there. After a failure nothing is left of it

set -euo pipefail
export LC_ALL=C

readonly suite=$1 directory=$2
readonly packages=(
  systemd-sysv dbus udev kmod libpam-systemd adduser netbase iproute2 procps e2fsprogs
  cloud-init openssh-server openssh-sftp-server sudo ca-certificates curl zstd
  systemd-resolved systemd-timesyncd initramfs-tools linux-image-cloud-amd64
)

# In a namespace of its own: no mount of a build that is cut short is left behind.
if [[ ${IN_NAMESPACE-} != 1 ]]; then
  IN_NAMESPACE=1 exec unshare --mount --propagation private -- "$0" "$@"
fi

[[ ! -e $directory ]] || {
  echo "build-guest: $directory is there already" >&2
  exit 3
}
mkdir -p -- "$directory"
trap 'rm -rf --one-file-system -- "$directory"' ERR INT TERM
root=$directory/root

# The initrd holds these drivers and no others. Those of the CD must be there, and not only in the system: cloud-init
# looks for the config drive before udev loads drivers, and else waits minutes for a metadata service.
cat >"$directory/initramfs.sh" <<'SCRIPT'
set -e
mkdir -p "$1/etc/initramfs-tools/conf.d"
printf '%s\n' virtio_pci virtio_blk ext4 virtio_scsi sr_mod isofs virtio_net >"$1/etc/initramfs-tools/modules"
printf '%s\n' MODULES=list COMPRESS=zstd >"$1/etc/initramfs-tools/conf.d/lab"
SCRIPT

include=$(IFS=, && echo "${packages[*]}")
mmdebstrap --quiet --mode=root --variant=minbase --include="$include" \
  --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' --aptopt='Acquire::Retries "4"' \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='force-unsafe-io' \
  --extract-hook="sh '$directory/initramfs.sh' \"\$1\"" \
  "$suite" "$root" -

# An image has no identity yet: cloud-init gives it one.
rm -f -- "$root"/etc/ssh/ssh_host_* "$root/var/lib/dbus/machine-id" "$root/etc/hostname"
: >"$root/etc/machine-id"
echo '/dev/vda / ext4 defaults,noatime 0 0' >"$root/etc/fstab"
# Servers of the lab reach this computer and nothing else.
rm -rf -- "$root/etc/apt/sources.list" "$root"/etc/apt/sources.list.d/*
cat >"$root/etc/cloud/cloud.cfg.d/90_lab.cfg" <<'CONFIG'
datasource_list: [ConfigDrive, None]
ssh_genkeytypes: [ed25519]
# cloud-init's own default needs the package locales, and 22.4 ends in error without it.
locale: C.UTF-8
apt: {preserve_sources_list: true}
growpart: {mode: "off"}
system_info:
  network: {renderers: [networkd]}
CONFIG
systemctl --root="$root" --quiet enable systemd-networkd.service
systemctl --root="$root" --quiet mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer \
  e2scrub_all.timer e2scrub_reap.service systemd-pstore.service

mv -- "$root"/boot/vmlinuz-* "$directory/vmlinuz"
mv -- "$root"/boot/initrd.img-* "$directory/initrd"
rm -rf -- "${root:?}"/boot/* "$root"/var/cache/apt/*.bin "$root"/var/lib/apt/lists/*
truncate -s 1500M "$directory/disk.raw"
mke2fs -q -F -t ext4 -E lazy_itable_init=1,nodiscard -m 0 -L root -d "$root" "$directory/disk.raw"
qemu-img convert -f raw -O qcow2 "$directory/disk.raw" "$directory/disk.qcow2"
rm -rf --one-file-system -- "$root" "$directory/disk.raw" "$directory/initramfs.sh"
