# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the parts share their variables
#
# The settings and programs that a member serves by, and those that are wished for: they come in the place of the
# others together with the data, and go back with it.

readonly PROGRAMS=(etcd etcdctl etcdutl)

# The wished settings with the token of a restore.
settings_text() { # TOKEN
  sed -E "s/^ETCD_INITIAL_CLUSTER_TOKEN=.*/ETCD_INITIAL_CLUSTER_TOKEN=\"$1\"/" "$next_environment"
}

# Whether the member's etcd, when it was started last, had other settings or programs than are wished for.
settings_differ() { # TOKEN
  [[ -f $environment && $(<"$environment") == "$(settings_text "$1")" ]] || return 0
  local program
  for program in "${PROGRAMS[@]}"; do
    same_program "$next_programs/$program" "$programs/$program" || return 0
  done
  return 1
}

# A link is the same when it leads to the same place, a file when it holds the same.
same_program() {
  [[ $1 != "$2" ]] || return 0
  if [[ -L $1 || -L $2 ]]; then
    [[ -L $1 && -L $2 && $(readlink -- "$1") == "$(readlink -- "$2")" ]]
  elif [[ -e $1 ]]; then
    cmp -s -- "$1" "$2"
  else
    [[ ! -e $2 ]]
  fi
}

# Puts programs in the place of others, one by one, each at once or not at all: one that runs goes on as it is.
put_programs() { # FROM TO
  [[ $1 != "$2" ]] || return 0
  local program
  mkdir -p -- "$2"
  for program in "${PROGRAMS[@]}"; do
    ! same_program "$1/$program" "$2/$program" || continue
    if [[ -e $1/$program || -L $1/$program ]]; then
      cp -a -- "$1/$program" "$2/$program.restore-new"
      mv -fT -- "$2/$program.restore-new" "$2/$program"
    else
      rm -f -- "$2/$program" # etcd 3.4 has no etcdutl
    fi
  done
}

put_wished_settings() { # TOKEN
  put_programs "$next_programs" "$programs"
  settings_text "$1" | write_file "$environment"
}

# Keeps what there is now, on the disk: also a run after one that was killed can put it back.
keep_settings() {
  [[ ! -d $before ]] || return 0
  mkdir -- "$before.new"
  [[ ! -f $environment ]] || cp -p -- "$environment" "$before.new/environment"
  if [[ $programs != "$next_programs" && -d $programs ]]; then
    mkdir -- "$before.new/programs"
    local program
    for program in "${PROGRAMS[@]}"; do
      [[ ! -e $programs/$program && ! -L $programs/$program ]] || cp -a -- "$programs/$program" "$before.new/programs/"
    done
  fi
  mv -T -- "$before.new" "$before"
}

put_settings_back() {
  [[ -d $before ]] || return 0
  [[ ! -d $before/programs ]] || put_programs "$before/programs" "$programs"
  [[ ! -f $before/environment ]] || write_file "$environment" <"$before/environment"
  rm -rf -- "$before"
}
