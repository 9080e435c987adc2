#!/usr/bin/env bats
# The small functions of restore.sh, each by itself. What the whole does with a real etcd is in restore.test.ts.

setup() {
  cd "$BATS_TEST_TMPDIR"
  parts=$BATS_TEST_DIRNAME/../../../machine
  speaker=test data=$PWD/data
  declare -gA setting=()
  source "$parts/shell/library.sh"
  for part in flags tools ask settings journal prove swap in-step; do source "$parts/restore/parts/$part.sh"; done
}

# A `!` in front of a command would never fail a test.
refute() { if "$@"; then return 1; fi; }

@test "say shows control characters as ?, and keeps what is no ASCII" {
  run say $'a\e[31mb\tü'
  [ "$output" = "test: a?[31mb?ü" ]
}

@test "fail ends with its code and its message" {
  run fail 2 "no such thing"
  [ "$status" -eq 2 ]
  [ "$output" = "test: error: no such thing" ]
}

@test "read_settings takes quoted and bare values, and no comment" {
  printf '# ETCD_X="no"\nETCD_NAME="a b"\nETCD_DATA_DIR=/x=y\nOTHER="1"' >env
  declare -A found=()
  read_settings env found
  [ "${#found[@]}" -eq 2 ]
  [ "${found[ETCD_NAME]}" = "a b" ]
  [ "${found[ETCD_DATA_DIR]}" = "/x=y" ]
}

@test "clean runs a program whose path holds =, and lets nothing of the environment in" {
  mkdir a=b
  printf '#!/bin/sh\necho "$ETCD_NAME,$ETCD_EVIL,$1"\n' >a=b/program
  chmod +x a=b/program
  export ETCD_EVIL=evil
  [ "$(clean ETCD_NAME=me -- "$PWD/a=b/program" word)" = "me,,word" ]
}

@test "number reads from etcdctl's JSON, and takes a zero that is left out for one" {
  answer='[{"HashKV":{"hash":123,"compact_revision":-1}}]'
  [ "$(number hash)" = 123 ]
  [ "$(number compact_revision)" = -1 ]
  [ "$(number revision)" = 0 ]
}

@test "nap waits longer each time, and half a second at most" {
  sleep() { slept+=("$1"); }
  slept=() waited=17
  for ((i = 0; i < 40; i++)); do nap waited; done
  [ "${slept[*]:0:4}" = "0.020 0.023 0.026 0.030" ]
  [ "${slept[39]}" = 0.500 ]
}

@test "is_refused knows etcd's refusals, and no other answer" {
  for answer in "etcdserver: user name is empty" "etcdserver: user name not found" "etcdserver: permission denied"; do
    is_refused
  done
  answer="context deadline exceeded"
  refute is_refused
}

@test "same_program compares links by where they lead, files by what they hold" {
  echo 1 >one
  echo 1 >other
  ln -s one link
  ln -s one same
  ln -s other elsewhere
  same_program one other
  same_program link same
  refute same_program link elsewhere
  refute same_program link one
  echo 2 >other
  refute same_program one other
  same_program none missing
}

@test "put_programs puts each in place, and takes away what the new ones have not" {
  mkdir new old
  echo new >new/etcd
  echo old >old/etcd
  echo old >old/etcdutl
  put_programs new old
  [ "$(cat old/etcd)" = new ]
  [ ! -e old/etcdutl ]
  [ "$(ls old)" = etcd ]
}

@test "write_file keeps the mode of the file that is there" {
  echo 1 >file
  chmod 640 file
  echo 2 | write_file file
  [ "$(cat file)" = 2 ]
  [ "$(stat -c %a file)" = 640 ]
}

@test "settings are kept and put back, the token among them" {
  environment=$PWD/env next_environment=$PWD/next programs=$PWD/bin next_programs=$PWD/next.bin before=$PWD/before
  mkdir bin next.bin
  echo old >bin/etcd
  echo new >next.bin/etcd
  printf 'ETCD_INITIAL_CLUSTER_TOKEN="old"\n' >env
  printf 'ETCD_INITIAL_CLUSTER_TOKEN="not-restored"\n' >next
  settings_differ new
  keep_settings
  put_wished_settings new
  refute settings_differ new
  [ "$(cat env)" = 'ETCD_INITIAL_CLUSTER_TOKEN="new"' ]
  put_settings_back
  [ "$(cat env)" = 'ETCD_INITIAL_CLUSTER_TOKEN="old"' ]
  [ "$(cat bin/etcd)" = old ]
  [ ! -e before ]
}

@test "json_text escapes quotes, backslashes and newlines" {
  [ "$(json_text $'a"b\\c\nd')" = '"a\"b\\c\nd"' ]
}

@test "prune keeps the newest, and whatever it did not restore itself" {
  keep=1 trash=$PWD/trash marker=member/restored-from
  for time in 20260101T000000Z 20260102T000000Z 20260103T000000Z; do
    mkdir -p "data.aside-$time/member"
    touch "data.aside-$time/$marker"
  done
  rm "data.aside-20260101T000000Z/$marker"
  prune aside
  [ "$(echo data.aside-*)" = "data.aside-20260101T000000Z data.aside-20260103T000000Z" ]
}

@test "flags that do not fit are refused by name" {
  run read_flags --snapshot
  [ "$output" = "test: error: --snapshot needs a value" ]
  run read_flags --frob 1
  [[ $output == *"unknown flag --frob"* ]]
  run read_flags --snapshot x --sha256 XYZ --revision 1 --compact-revision 0 --hashkv 1 --environment e --programs p --service s
  [[ $output == *'--sha256 is "XYZ"'* ]]
}

@test "a step tells where it is, goes on at the word that it waits for, and gives up at any other or at none" {
  setting[ETCD_INITIAL_CLUSTER]=a=https://h:1,b=https://h:2 in_step=yes
  is_among_others
  exec 7< <(printf 'token 1\nstop\n')
  [ "$(step found token ',"token":""')" = '{"at":"found","token":""}' ]
  run step stopped start
  [ "$status" -eq 3 ]
  [[ $output == *'gave up: another member of the cluster has failed'* ]]
  exec 7</dev/null
  is_given_up
  run step serving keep
  [ "$status" -eq 3 ]
}

@test "a member that is alone takes no steps" {
  setting[ETCD_INITIAL_CLUSTER]=a=https://h:1
  refute is_among_others
  [ "$(step stopped start)" = "" ]
  refute is_given_up
}

@test "after a swap that was killed a member among others is begun, and not waited for" {
  setting[ETCD_INITIAL_CLUSTER]='a=http://a,b=http://b' environment=$PWD/env next_environment=$PWD/env
  journal=$PWD/journal staging=$PWD/staging trash=$PWD/trash before=$PWD/before marker=marker in_step=yes
  mkdir -p "$data"
  touch env
  printf '%s\n1\n' "$PWD/aside" >journal
  use_environment() { :; }
  put_settings_back() { :; }
  service() {
    echo "$1" >>calls
    [[ $1 == start ]] || return 0
    echo "$BASHPID" >starting
    exec sleep 60 3>&-
  }
  SECONDS=0
  run recover
  kill "$(cat starting)"
  [ "$status" -eq 0 ]
  [ "$SECONDS" -lt 20 ]
  [ "$(cat calls)" = $'stop\nstart' ]
  [ ! -e journal ]
}

@test "one that is alone is waited for, and one that does not start is told" {
  setting[ETCD_INITIAL_CLUSTER]='a=http://a' environment=$PWD/env next_environment=$PWD/env
  journal=$PWD/journal staging=$PWD/staging trash=$PWD/trash before=$PWD/before marker=marker
  mkdir -p "$data"
  touch env
  printf '%s\n1\n' "$PWD/aside" >journal
  use_environment() { :; }
  put_settings_back() { :; }
  service() { :; }
  wait_until_serving() { echo waited >>calls; return 1; }
  run recover
  [[ $output == *"the etcd in $data does not start"* ]]
  [ "$(cat calls)" = waited ]
}
