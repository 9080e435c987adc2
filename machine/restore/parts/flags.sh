# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the parts share their variables
#
# What restore.sh was told: its flags, and the member's settings.

snapshot='' sha256='' revision='' compact_revision='' hashkv='' environment='' programs='' service_command=''
owner='' keep=2 wait_seconds='' given_wait_seconds='' bump='' or_hashkv='' next_environment='' next_programs=''
root_certificate='' root_key='' ask_first='' in_step='' v2=''

read_flags() {
  while (($# > 0)); do
    (($# > 1)) || fail 2 "$1 needs a value"
    case $1 in
      --service) service_command=$2 ;;
      --snapshot | --sha256 | --revision | --compact-revision | --hashkv | --or-hashkv | --bump | --environment | \
        --programs | --next-environment | --next-programs | --root-certificate | --root-key | --owner | --keep | \
        --wait-seconds | --ask-first | --in-step | --v2)
        local name=${1#--}
        printf -v "${name//-/_}" '%s' "$2"
        ;;
      *) fail 2 "unknown flag $1; restore.sh's first lines list the flags" ;;
    esac
    shift 2
  done
  check_flags
}

check_flags() {
  local flag
  for flag in snapshot sha256 revision compact_revision hashkv environment programs service_command; do
    [[ -n ${!flag} ]] || { flag=${flag%_command} && fail 2 "--${flag//_/-} is missing"; }
  done
  [[ $sha256 =~ ^[0-9a-f]{64}$ ]] || fail 2 "--sha256 is \"$sha256\"; 64 hexadecimal digits in lower case are needed"
  for flag in revision compact_revision hashkv bump keep wait_seconds; do
    [[ ${!flag} =~ ^[0-9]{0,18}$ ]] || fail 2 "--${flag//_/-} is \"${!flag}\"; a whole number is needed"
  done
  given_wait_seconds=$wait_seconds
  [[ $or_hashkv =~ ^([0-9]{1,18}:[0-9]{1,18})?$ ]] || fail 2 "--or-hashkv is \"$or_hashkv\"; COMPACT-REVISION:HASH is needed"
  [[ ${root_certificate:+given} == "${root_key:+given}" ]] || fail 2 "--root-certificate and --root-key go together"
  if [[ -n $owner ]]; then
    id -u -- "$owner" >/dev/null 2>&1 || fail 2 "--owner: there is no user \"$owner\""
    ((EUID == 0)) || fail 2 "--owner needs root; without it everything belongs to $(id -un)"
  fi
  resolve_paths
}

# What is wished for is what is there, where nothing else was named.
resolve_paths() {
  [[ -n $next_environment ]] || next_environment=$environment
  [[ -n $next_programs ]] || next_programs=$programs
  [[ -f $next_environment ]] || fail 2 "--environment: there is no file $next_environment"
  local path
  for path in environment next_environment programs next_programs snapshot; do
    # The x keeps a newline at the end of a path, which $(...) would take away.
    printf -v "$path" '%s' "$(exec realpath -mz -- "${!path}" | tr '\0' x)"
    printf -v "$path" '%s' "${!path%x}"
  done
}

declare -A setting=()
readonly NEEDED_SETTINGS=(ETCD_NAME ETCD_DATA_DIR ETCD_INITIAL_CLUSTER ETCD_INITIAL_ADVERTISE_PEER_URLS
  ETCD_ADVERTISE_CLIENT_URLS ETCD_LISTEN_CLIENT_URLS ETCD_TRUSTED_CA_FILE ETCD_CERT_FILE ETCD_KEY_FILE)

# Takes over the settings of an environment file, and with them where everything is.
use_environment() { # FILE
  local key
  read_settings "$1" setting || fail 2 "cannot read $1"
  for key in "${NEEDED_SETTINGS[@]}"; do
    [[ -n ${setting[$key]-} ]] || fail 2 "$1 does not set $key"
  done
  data=${setting[ETCD_DATA_DIR]}
  [[ $data == /?* && $data != */ ]] || fail 2 "ETCD_DATA_DIR is \"$data\" in $1; an absolute path is needed"
  lock=$data.restore-lock journal=$data.restore-journal staging=$data.restore-staging trash=$data.restore-trash
  before=$data.restore-before
  marker=member/restored-from # not in the data directory itself: etcd warns of files there that it does not know

  # Where etcd listens, as seen from this machine.
  endpoint=${setting[ETCD_LISTEN_CLIENT_URLS]%%,*}
  endpoint=${endpoint/"//0.0.0.0:"/"//127.0.0.1:"}
  endpoint=${endpoint/"//[::]:"/"//[::1]:"}
}
