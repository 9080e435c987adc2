# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the parts share their variables
#
# One restore at a time, and how it ends: by itself, by a failure, by a signal, or killed and put right by the next run.

stage=begin # begin; with the lock: prepare, swap, finished
was_running=0 aside='' swapped=0

take_lock() {
  local parent=${data%/*}
  [[ -d $parent ]] || fail 3 "there is no directory $parent for the data directory $data"
  [[ -w $parent && -x $parent ]] || fail 3 "$(id -un) may not write in $parent, where the data directory $data belongs"
  set_wait_seconds
  exec 9>>"$lock"
  if ! flock -n 9; then
    say "waiting at most $wait_seconds s for another restore of $data"
    flock -w "$wait_seconds" 9 || fail 3 "another restore of $data holds $lock; let it end, then try again"
  fi
}

set_wait_seconds() {
  [[ -z $given_wait_seconds ]] || return 0
  local bytes=0
  [[ ! -f $snapshot ]] || bytes=$(exec stat -c %s -- "$snapshot")
  wait_seconds=$((60 + bytes / (20 * MIB)))
}

# From here on the member is changed; what is needed to undo it is on the disk first.
begin_swap() { # where the data goes; nothing when it stays
  [[ $stage != swap ]] || return 0
  ! service status 2>/dev/null || was_running=1
  keep_settings
  printf '%s\n%s\n' "$1" "$was_running" | write_file "$journal"
  stage=swap
}

end_swap() {
  stage=finished
  rm -f -- "$journal"
  rm -rf -- "$before"
}

# Undoes the swap that a killed run left half done, and removes what it was building.
recover() {
  if [[ -f $journal ]]; then
    say "a restore was killed while it changed the data directory: putting it right"
    local moved='' running=0
    { IFS= read -r moved && IFS= read -r running; } <"$journal" || true
    if [[ ! -e $data || -z $moved || ! -d $moved ]]; then
      [[ -z $moved || ! -d $moved ]] || mv -- "$moved" "$data"
      put_settings_back
    elif [[ -f $data/$marker ]]; then
      # New data that was proved: the settings that belong to it, and its token, follow.
      put_wished_settings "$(sed -n 's/^token=//p' "$data/$marker")"
    fi
    # Either may serve. A start does nothing to one that runs, so an etcd of other settings is ended first.
    if [[ $running == 1 && -d $data && -f $environment ]]; then
      use_environment "$environment"
      { service stop && start_what_was_there; } || say "the etcd in $data does not start"
      use_environment "$next_environment"
    fi
    rm -f -- "$journal"
  fi
  [[ ! -e $staging ]] || say "removing what a killed restore left"
  remove_ours
  rm -rf -- "$before" "$before.new"
}

start_what_was_there() {
  if is_among_others; then begin_start; else service start && wait_until_serving; fi
}

# A member among others serves when enough of them are back, which nobody waits for here: they may come after it, or be of
# another cluster by now. systemd's own start waits for that for minutes; it is left to itself once it is begun.
begin_start() {
  local deadline=$((SECONDS + START_SECONDS))
  service start 7<&- 9>&- >/dev/null 2>&1 &
  while kill -0 $! 2>/dev/null; do
    ((SECONDS < deadline)) || return 0
    sleep 0.1
  done
  wait $!
}
readonly START_SECONDS=5

remove_ours() {
  rm -rf -- "$staging" "$trash" "$journal.restore-new" "$environment.restore-new" "$before.new"
}

# The trap of EXIT.
finish() {
  local code=$?
  trap - EXIT
  trap '' INT TERM HUP
  set +e
  end_child
  [[ $stage != swap ]] || put_back
  [[ $stage == begin ]] || remove_ours
  # A command that failed and that nobody foresaw says nothing about the proof.
  if [[ -z $foreseen ]] && ((code != 0)); then
    say "error: unexpected: \"$failed_command\" failed in line $failed_line"
    code=3
  fi
  exit "$code"
}
failed_command='' failed_line=''

put_back() {
  say "putting back what was there"
  service stop || say "etcd could not be stopped"
  if ((swapped)); then
    local quarantine
    quarantine=$(timed_name quarantine)
    mv -- "$data" "$quarantine" && say "what failed to start is kept in $quarantine"
  fi
  [[ -z $aside || ! -d $aside ]] || mv -- "$aside" "$data"
  put_settings_back
  if ((was_running)); then
    [[ ! -f $environment ]] || use_environment "$environment"
    local again='serves again'
    ! is_among_others || again='is started again'
    if start_what_was_there; then say "the etcd that was there $again"; else say "the etcd that was there does not start"; fi
  fi
  rm -f -- "$journal"
}
