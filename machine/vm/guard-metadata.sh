#!/usr/bin/env bash
#
# Lets nobody but root on this machine reach the cloud's metadata service, which hands out this machine's user data.
#
# A routing rule by user id: every image has `ip`, not every image has a packet filter. Safe to run again.

set -euo pipefail

readonly PRIORITY=50 NOT_ROOT=1-4294967294

guard() { # FAMILY ADDRESS
  while ip "$1" rule del priority "$PRIORITY" to "$2" 2>/dev/null; do :; done
  ip "$1" rule add priority "$PRIORITY" uidrange "$NOT_ROOT" to "$2" prohibit
}

guard -4 169.254.169.254/32
[[ ! -e /proc/net/if_inet6 ]] || guard -6 fe80::a9fe:a9fe/128
