#!/usr/bin/env bash
#
# Refuses a machine whose clock is so far behind that it would take no certificate made for it: they are valid from a
# day ago. Run over SSH, with this text on stdin:
#
#   bash -s -- NOW SECONDS
#
# NOW is the time on the computer that restores, in seconds since 1970. A clock that is about to be set is waited for,
# up to SECONDS. One that is ahead, or a little behind, does no harm: certificates are valid for ten years.
#
# Exit codes: 0 it will do; 3 it is behind.

set -euo pipefail
export LC_ALL=C

readonly now=$1 limit=$2
readonly BEHIND=$((23 * 3600)) # an hour for the way from there to here

# Not $SECONDS, which jumps with the clock.
uptime() {
  local seconds
  read -r seconds _ </proc/uptime
  echo "${seconds%.*}"
}

began=$(uptime)
while true; do
  waited=$(($(uptime) - began))
  there=$(date +%s)
  behind=$((now + waited - there))
  ((behind > BEHIND)) || exit 0
  ((waited < limit)) || break
  sleep 1
done
echo "check-clock: error: the machine's clock says $(date --utc --date="@$there" +%FT%TZ), $((behind / 3600)) hours behind this computer's," \
  "and it would refuse certificates as not yet valid. Set it (\`sudo timedatectl set-ntp true\` where it reaches a time" \
  "server, else \`sudo date --utc --set=…\`), or mend the clock of this computer; then run this again" >&2
exit 3
