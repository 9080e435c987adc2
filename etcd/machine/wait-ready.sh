#!/usr/bin/env bash
#
# Waits until cloud-init has made this machine ready for a restore. Run over SSH, as root, with this text on stdin:
#
#   bash -s -- SECONDS MARKER
#
# The marker, written by prepare-vm.sh, decides: cloud-init's exit codes differ from version to version (22.4: 1 for any
# error; 25.1: also 2, "done, with errors that do not matter"), and 22.4 returns at the first error while it goes on.
#
# stdout: one line, the same for the same machine. When it fails, stderr ends with the lines of the logs that say why.
# Exit codes: 0 ready; 3 cloud-init failed, or was not done in time.

set -uo pipefail
export LC_ALL=C

readonly limit=$1 marker=$2
readonly LINES_SHOWN=25

say() { printf 'wait-ready: %s\n' "$*" >&2; }

explain() {
  say "$1"
  cloud-init status --long 2>&1 | sed 's/^/wait-ready: status: /' >&2
  local log
  for log in /var/log/cloud-init.log /var/log/cloud-init-output.log; do
    [[ -r $log ]] || continue
    say "the last lines of $log that tell of errors:"
    grep -aiE 'error|fail|traceback|unable|could not|cannot|not found|no space' "$log" | tail -n "$LINES_SHOWN" | cut -c 1-400 >&2
  done
  say "the last lines of /var/log/cloud-init-output.log:"
  tail -n "$LINES_SHOWN" /var/log/cloud-init-output.log 2>/dev/null | cut -c 1-400 >&2
  exit 3
}

code=0
timeout "$limit" cloud-init status --wait >/dev/null 2>&1 || code=$?
((code != 124)) || explain "cloud-init was not done in $limit s"
if [[ ! -f $marker ]]; then
  # 22.4 told of an error while later steps still run, prepare-vm.sh among them: their end decides.
  until [[ -f $marker || $(systemctl is-active cloud-final.service) == @(active|failed) ]]; do
    ((SECONDS < limit)) || explain "cloud-init was not done in $limit s"
    sleep 0.5
  done
  [[ -f $marker ]] || explain "cloud-init ended with code $code and did not make this machine ready"
fi
((code == 0)) || say "ready, though cloud-init ended with code $code: $(cloud-init status --long 2>&1 | tail -n 3 | tr '\n' ' ')"
echo "ready"
