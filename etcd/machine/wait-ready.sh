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

say() { printf 'wait-ready: %s\n' "$*" >&2; }

# What cloud-init and the packages said, without tables, fingerprints, stack traces and what merely follows.
told() {
  grep -avE '^(ci-info|<[0-9]+>|ssh-[a-z0-9]+ |Traceback|Created symlink|  )|HOST KEY|DEBUG|Running module|Runparts|scripts-user|re-raising' \
    /var/log/cloud-init-output.log 2>/dev/null | cut -c 1-400
}

explain() {
  say "$1"
  cloud-init status --long 2>&1 | cut -c 1-400 | sed 's/^/wait-ready: status: /' >&2
  say "the last lines of /var/log/cloud-init-output.log:"
  told | tail -n 15 >&2
  say "those of them that tell of errors:"
  told | grep -aiE 'error|^E:|fail|unable|could not|cannot|no space' | tail -n 8 >&2
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
