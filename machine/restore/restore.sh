#!/usr/bin/env bash
#
# Restores an etcd snapshot into the data directory of one member, and never serves what is not proved.
#
#   restore.sh --snapshot FILE --sha256 HEX --revision R --compact-revision C --hashkv H
#              --environment FILE --programs DIR --service "COMMAND" [--next-environment FILE] [--next-programs DIR]
#              [--root-certificate FILE --root-key FILE] [--or-hashkv C:H] [--bump N] [--owner USER] [--keep N]
#              [--wait-seconds N] [--ask-first yes] [--in-step yes] [--v2 yes]
#
#   --snapshot          snapshot as `etcdctl snapshot save` wrote it, or a raw db; with --v2 the tar archive of a v2 backup
#   --sha256            SHA-256 that the whole file must have
#   --revision, --compact-revision, --hashkv
#                       the file's HashKV at revision R when compacted at C (0: never): what etcd must answer
#   --or-hashkv         the HashKV that etcd may answer instead, when it says that it is compacted at another revision
#   --bump              restore with the revision bumped by so much and everything before marked as compacted; revision,
#                       compact-revision and hashkv are then those after the bump
#   --environment       the member's environment file: name, URLs, data directory, certificates; gets a new token
#   --programs          directory with the etcd, etcdctl and etcdutl (3.4: etcd and etcdctl) that the service runs
#   --next-environment, --next-programs
#                       what is to come in their place, together with the data; default: they stay as they are
#   --root-certificate, --root-key
#                       a client certificate with the common name root: with it a store with authentication on is proved;
#                       default: the server's own, which such a store refuses
#   --service           shell command that starts and stops the member: gets start, stop, status or log as its last
#                       word; status exits 0 when it runs, log prints the last lines of etcd's log
#   --owner             user that etcd runs as, when this script is run by root; default: the user who runs it
#   --keep              how many older data directories and quarantined ones to keep; default 2
#   --wait-seconds      limit of every wait; default 60 and one more for each 20 MB of the snapshot
#   --v2                the snapshot is a tar archive with the files of a member of a v2 store (member/), what is to be asked
#                       (ask) and what must be answered (expected); revision 0: no key of a v3 store is proved beside it
#   --ask-first         when the snapshot is needed and not there: says so on stdout, {"needed":true}, and ends with 0
#   --in-step           this is one member of a cluster and goes in step with the restores of the others: prints a line
#                       {"at":"found","token":"…"}, {"at":"stopping"}, {"at":"stopped"}, {"at":"serving"} or {"at":"lost"}
#                       and waits on stdin for "token …", "stop", "start" and "keep"; when stdin ends before, everything
#                       is put back
#
# Beside the data directory D it uses D.restore-lock, D.restore-journal, D.restore-before, D.restore-staging and
# D.restore-trash while it runs, counts in D.restore-starts how often it had to start etcd, and leaves D.aside-TIME (what
# was there before) and D.quarantine-TIME (what was refused).
#
# Safe to run again, also after it was killed: a backup that is already restored and serves by the wished settings is
# left alone. stderr has a line for each step; stdout one line of JSON. No value of a key is ever printed.
#
# Exit codes: 0 restored and serving, or it already was; 1 etcd does not hold what the file holds: quarantined, the old
# one still serves; 2 wrong use; 3 the environment failed, or nothing could be proved: nothing changed, or everything
# was put back.

# shellcheck disable=SC2317 # `finish`, and what it calls, is reached by a trap
# shellcheck disable=SC2034 # variables of the whole, used in the parts

set -Eeuo pipefail
umask 077
export LC_ALL=C

readonly MIB=1048576 speaker=restore

trap '' PIPE

# A lone command in $(...) is given `exec`: with an ERR trap set, bash would fork once more for it.

# Each line that begins with `source` is replaced by its file where this is sent to a machine as one (restore-script.ts).
parts=$(dirname -- "${BASH_SOURCE[0]}")
source "$parts/../shell/library.sh"
source "$parts/parts/flags.sh"
source "$parts/parts/tools.sh"
source "$parts/parts/ask.sh"
source "$parts/parts/settings.sh"
source "$parts/parts/journal.sh"
source "$parts/parts/prove.sh"
source "$parts/parts/v2.sh"
source "$parts/parts/swap.sh"
source "$parts/parts/in-step.sh"

data='' lock='' journal='' staging='' trash='' before='' marker='' endpoint='' version='' minor='' restore_tool='' token=''
proof='left to the verification: it was already restored'
as_owner=()

# A function, so that bash has read all of it before it begins: the file may be replaced while it runs.
main() {
  trap 'failed_command=$BASH_COMMAND failed_line=$LINENO' ERR
  trap finish EXIT
  trap 'foreseen=130; exit 130' INT
  trap 'foreseen=143; exit 143' TERM
  trap 'foreseen=129; exit 129' HUP
  ((BASH_VERSINFO[0] >= 5)) || fail 3 "bash 5 or newer is needed, this is $BASH_VERSION"
  for tool in setpriv flock mountpoint sha256sum realpath sync df cmp; do
    command -v "$tool" >/dev/null || fail 3 "there is no program $tool; it is in util-linux, coreutils or diffutils"
  done
  read_flags "$@"
  listen_to_words
  use_environment "$next_environment"
  take_lock
  stage=prepare
  recover
  find_programs
  agree_on_token
  leave_if_restored
  check_v2
  ask_for_snapshot
  check_data_directory
  check_snapshot
  if [[ -n $v2 ]]; then
    restore_v2_beside
    prove_v2
  else
    restore_beside
    prove
  fi
  swap
  prune aside
  prune quarantine
  report true
  exit
}

main "$@"
