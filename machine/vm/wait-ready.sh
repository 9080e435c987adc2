#!/usr/bin/env bash
#
# Waits until cloud-init has made this machine ready for a restore. Run over SSH, as root, with this text on stdin:
#
#   bash -s -- SECONDS MARKER [CREATED]
#
# CREATED is when the cloud began to make the machine, as OpenStack writes times.
#
# The marker, written by prepare-vm.sh, decides: cloud-init's exit codes differ from version to version (22.4: 1 for any
# error; 25.1: also 2, "done, with errors that do not matter"), and 22.4 returns at the first error while it goes on.
#
# A cloud-init that had failed before we came is not waited for: its last step is done again, for cloud-init itself
# never does that on the same machine, and whoever comes again has mended what was wrong.
#
# stdout: one line of JSON, the same for the same machine: the seconds until its system began to boot ("provision", left
# out where CREATED says nothing) and from then until it was ready ("install"). When it fails, stderr has the lines of the
# logs that say why, and ends with what is wrong.
# Exit codes: 0 ready; 3 cloud-init failed, or was not done in time.

set -uo pipefail
export LC_ALL=C

readonly limit=$1 marker=$2 created=${3-}

say() { printf 'wait-ready: %s\n' "$*" >&2; }

# The byte of the log that this try begins at.
log=/var/log/cloud-init-output.log begins=1

# What cloud-init and the packages said in it, without tables, fingerprints, stack traces and what merely follows.
told() {
  tail -c "+$begins" -- "$log" 2>/dev/null |
    grep -avE '^(ci-info|<[0-9]+>|ssh-[a-z0-9]+ |Traceback|Created symlink|  )|HOST KEY|DEBUG|Running module|Runparts|scripts-user|re-raising' |
    cut -c 1-400
}

explain() {
  cloud-init status --long 2>&1 | cut -c 1-400 | sed 's/^/wait-ready: status: /' >&2
  say "the last lines of $log:"
  told | tail -n 15 >&2
  say "those of them that tell of errors:"
  told | grep -aiE 'error|^E:|fail|unable|could not|cannot|no space' | tail -n 8 >&2
  say "error: $1"
  exit 3
}

again() {
  say "cloud-init had failed; doing its last step again"
  begins=$(($(stat -c %s -- "$log" 2>/dev/null || echo 0) + 1))
  timeout "$limit" /var/lib/cloud/instance/scripts/runcmd >>"$log" 2>&1
}

tell() {
  local booted install asked=''
  booted=$(sed -n 's/^booted=//p' "$marker") install=$(sed -n 's/^install=//p' "$marker")
  # Go's way to write times, which the OpenStack provider has, ends in a second name of the time zone.
  [[ -z $created ]] || asked=$(date -d "${created% UTC}" +%s 2>/dev/null) || asked=''
  awk -v booted="$booted" -v install="$install" -v asked="$asked" 'BEGIN {
    printf "{"
    if (asked != "") { took = booted - asked; printf "\"provision\":%.1f,", (took > 0 ? took : 0) }
    printf "\"install\":%.1f}\n", install
  }'
}

if [[ ! -f $marker && $(systemctl is-active cloud-final.service) == @(active|failed) ]]; then again; fi
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
tell
