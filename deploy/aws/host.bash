# shellcheck shell=bash
# What the scripts of a host on AWS share: what the stack told it, what the instance says of itself, and files that are
# whole or not there. It is sourced, and expects `set -euo pipefail`.

# Empty but for tests, which run these scripts on a folder that looks like a host.
root=${IMAGE_HANDLER_ROOT:-}
metadata=${IMAGE_HANDLER_IMDS:-http://169.254.169.254}
# Units that are not root get a copy.
stack_file=${CREDENTIALS_DIRECTORY:-$root/etc/image-handler}/stack.env
token=''

say() { printf '%s: %s\n' "${0##*/}" "$*"; }

die() {
    say "$@" >&2
    exit 1
}

# Shows the script's help, when that is asked for: help_for "$@"
help_for() {
    case ${1:-} in
    --help | -h)
        usage
        exit 0
        ;;
    '') ;;
    *)
        usage >&2
        exit 64
        ;;
    esac
}

# A value that the stack wrote down, which may be empty: stack KEY
stack() {
    local key value
    [ -r "$stack_file" ] || die "$stack_file cannot be read: the stack's user data writes it"
    while IFS='=' read -r key value; do
        if [ "$key" = "$1" ]; then
            printf '%s' "$value"
            return
        fi
    done <"$stack_file"
    die "$stack_file has no $1"
}

# Asks the metadata service (version 2) with a token, which is on no command line.
open_imds() {
    token=$(curl -fsS --noproxy '*' --max-time 5 --retry 5 --retry-connrefused -X PUT \
        -H 'X-aws-ec2-metadata-token-ttl-seconds: 3600' "$metadata/latest/api/token") || die "the metadata service gives no token"
}

# Something that the instance says of itself: imds PATH
imds() {
    curl -fsS --noproxy '*' --max-time 5 --retry 3 -H @- "$metadata/latest/meta-data/$1" <<<"X-aws-ec2-metadata-token: $token" ||
        die "the metadata service does not tell $1"
}

# Finds out where this runs. Needed before `aws`.
# shellcheck disable=SC2034 # The scripts that source this use it.
use_instance() {
    open_imds
    instance=$(imds instance-id)
    AWS_REGION=$(imds placement/region)
    export AWS_REGION AWS_DEFAULT_REGION=$AWS_REGION AWS_PAGER='' AWS_RETRY_MODE=standard AWS_MAX_ATTEMPTS=5
}

# The volume that is mounted for data, or nothing.
data_volume_id() {
    local device
    device=$(findmnt -n -o SOURCE "$root/srv/image-handler") || return 0
    lsblk -n -d -o SERIAL "$device" | sed 's/^vol-*/vol-/'
}

# Puts standard input into a file, at once or not at all. Sets `changed` when that is something new: keep FILE MODE [GROUP]
changed=''
keep() {
    local new
    mkdir -p "$(dirname "$1")"
    new=$(mktemp "$(dirname "$1")/.new.XXXXXX")
    if ! cat >"$new"; then
        rm -f "$new"
        die "$1 cannot be written"
    fi
    if [ -z "${3:-}" ] || chgrp "$3" "$new"; then :; else
        rm -f "$new"
        die "$1 cannot be given to the group $3"
    fi
    chmod "$2" "$new"
    if cmp -s "$new" "$1" && [ "$(stat -c '%a %g' "$new")" = "$(stat -c '%a %g' "$1")" ]; then
        rm -f "$new"
        return
    fi
    sync "$new"
    mv -f "$new" "$1"
    # shellcheck disable=SC2034 # The scripts that source this use it.
    changed=yes
}
