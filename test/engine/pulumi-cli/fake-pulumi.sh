#!/usr/bin/env bash
# Stands in for the Pulumi CLI: notes how it was called, answers in its form, keeps "stacks" as files in its backend, and
# treats the stack file of the folder that it is run in as the CLI does: its salt belongs to one passphrase, and is
# written where there is none. It proves arguments, environment and files, and nothing about Pulumi.
#
# A shell, since one run of the CLI is many of its processes, and each would be a start of Node.
set -eu

verb=${1-} noun=${2-}
# The word after a flag.
after() {
  local flag=$1 found=
  shift
  while (($# > 1)); do
    [[ $1 != "$flag" ]] || found=$2
    shift
  done
  printf %s "$found"
}
has() {
  local wanted=$1 word
  shift
  for word; do [[ $word != "$wanted" ]] || return 0; done
  return 1
}
case $noun in
  init) own=${3-} ;;
  rm) own=${*: -2:1} ;;
  *) own=$(after --stack "$@") ;;
esac

stack_file=$PWD/Pulumi.$own.yaml
if [[ -v PULUMI_CONFIG_PASSPHRASE ]]; then
  passphrase=$PULUMI_CONFIG_PASSPHRASE
elif [[ -n ${PULUMI_CONFIG_PASSPHRASE_FILE-} ]]; then
  passphrase=$(<"$PULUMI_CONFIG_PASSPHRASE_FILE")
fi

# One line for each call: what there is, each as its name and base64.
{
  printf 'args=%s' "$(printf '%s\0' "$@" | base64 -w0)"
  [[ ! -f $stack_file ]] || printf ' config=%s' "$(base64 -w0 "$stack_file")"
  [[ ! -v passphrase ]] || printf ' passphrase=%s' "$(printf %s "$passphrase" | base64 -w0)"
  [[ ! -v PULUMI_BACKEND_URL ]] || printf ' backend=%s' "$(printf %s "$PULUMI_BACKEND_URL" | base64 -w0)"
  printf ' project=%s cwd=%s\n' "$(base64 -w0 Pulumi.yaml)" "$(printf %s "$PWD" | base64 -w0)"
} >>"${FAKE_PULUMI_LOG:-/dev/null}"

backend=${PULUMI_BACKEND_URL-}
backend=${backend#file://}
state=$backend/$own.stack
lock=$backend/.pulumi/locks/$own/a-lock.json
fail() {
  printf 'error: %s\n' "$1" >&2
  exit 255
}

# What every command does that needs the stack's secrets.
open_secrets() {
  [[ -v passphrase ]] ||
    fail 'passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE'
  local wanted salt=
  wanted=v1:$(printf %s "$passphrase" | sha256sum | cut -d ' ' -f 1)
  [[ ! -f $stack_file ]] || salt=$(sed -n 's/^encryptionsalt: //p' "$stack_file")
  if [[ -z $salt ]]; then
    printf 'encryptionsalt: %s\n' "$wanted" >>"$stack_file"
  elif [[ $salt != "$wanted" ]]; then
    fail 'could not create secrets manager: incorrect passphrase'
  fi
}

# From 3.206 on events go over gRPC; this one says that it is older and appends them to a file.
tell() { cat "$FAKE_PULUMI_EVENTS/$1" >>"$(after --event-log "${words[@]}")"; }
words=("$@")

case "$verb $noun" in
  version*) echo v3.200.0 ;;
  'stack init')
    open_secrets
    : >"$state"
    ;;
  'stack rm') rm "$state" ;;
  'stack output')
    if has --show-secrets "$@"; then
      open_secrets
      printf '{"open":1,"word":"sesame"}'
    else
      printf '{"open":1,"word":"[secret]"}'
    fi
    ;;
  'stack history') printf '[]' ;;
  stack*) [[ -f $state ]] || fail "no stack named '$own' found" ;;
  cancel*) rm -f "$lock" ;;
  *)
    open_secrets
    if [[ -v FAKE_PULUMI_LOCKED || -f $lock ]]; then
      fail 'the stack is currently locked by 1 lock(s).'
    fi
    mkdir -p "${lock%/*}"
    printf '{}' >"$lock"
    if [[ -v FAKE_PULUMI_HANGS ]]; then
      interrupted() {
        printf interrupted >"$FAKE_PULUMI_HANGS"
        rm "$lock"
        exit 1
      }
      trap interrupted INT
      printf running >"$FAKE_PULUMI_HANGS"
      while :; do read -rt 1 <> <(:) || :; done
    elif [[ -v FAKE_PULUMI_FAILS ]]; then
      tell failed
      echo 'error: update failed' >&2
      rm "$lock"
      exit 255
    elif [[ -v FAKE_PULUMI_EVERYTHING ]]; then
      tell every-kind
      rm "$lock"
    else
      tell good
      rm "$lock"
    fi
    ;;
esac
