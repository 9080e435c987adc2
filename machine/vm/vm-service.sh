#!/usr/bin/env bash
#
# etcd as a systemd service: what restore.sh asks of a machine.
#
#   etcd-service start|stop|status|log
#
#   start    starts etcd; returns when it serves. An error when systemd says that its conditions are not met
#   stop     stops it; does nothing when it does not run
#   status   exits 0 when it runs, 3 when not
#   log      prints the last 20 lines of its log
#
# Exit codes: 0 good, 2 wrong use, 3 it does not run or could not be started or stopped.

set -euo pipefail

case ${1-} in
  start)
    # An etcd that failed too often before must not keep the next one from its start.
    systemctl reset-failed etcd.service 2>/dev/null || true
    systemctl start etcd.service || exit 3
    # Conditions that are not met are no error to systemctl.
    if ! systemctl is-active --quiet etcd.service; then
      echo "etcd-service: error: systemd did not start etcd: there is no restored data, or no certificate" >&2
      exit 3
    fi
    ;;
  stop) systemctl stop etcd.service || exit 3 ;;
  status) systemctl is-active etcd.service || exit 3 ;;
  log) journalctl --unit etcd.service --lines 20 --no-pager --output cat ;;
  *)
    echo "etcd-service: error: use start, stop, status or log, not \"${1-}\"" >&2
    exit 2
    ;;
esac
