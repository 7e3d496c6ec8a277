# shellcheck shell=bash
# What the operator's scripts beside this file share: messages, questions to AWS, what a stack says of itself, and the
# way to its database. It is sourced, and expects `set -euo pipefail`. Nothing here puts a secret on a command line.
# shellcheck disable=SC2034 # What is set here is used there.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
work=
forward=

say() { printf '%s\n' "$*"; }
note() { printf '%s\n' "$*" >&2; }

# Ends the script: what is wrong, and in further arguments what mends it, one line each.
fail() {
    note "${0##*/}: $1"
    shift
    local line
    for line; do note "  $line"; done
    exit 1
}

# The command line is wrong.
misuse() {
    note "${0##*/}: $1"
    note "  See ${0##*/} --help."
    exit 2
}

# The value of an option, which has to be there: needs_value "$@"
needs_value() {
    if [ $# -lt 2 ] || [ -z "$2" ]; then misuse "$1 needs a value"; fi
}

need_command() {
    command -v "$1" >/dev/null || fail "the command $1 is missing" "$2"
}

# Makes the folder for passing files, which only this user can read and which goes when the script ends.
make_work() {
    work=$(mktemp -d)
    chmod 700 "$work"
    trap leave EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    trap 'exit 129' HUP
}

# Runs when the script ends, however it does. A script with more to undo defines `undo`.
leave() {
    local code=$?
    trap - EXIT
    # What is left behind may be a password: somebody impatient has to wait for this.
    trap '' INT TERM HUP
    if declare -F undo >/dev/null; then undo || code=1; fi
    close_forward
    [ -z "$work" ] || rm -rf "$work"
    exit "$code"
}

use_region() {
    need_command aws "Install the AWS CLI, version 1 or 2."
    if [ -n "$1" ]; then
        export AWS_REGION=$1 AWS_DEFAULT_REGION=$1
    elif [ -n "${AWS_REGION:-${AWS_DEFAULT_REGION:-}}" ]; then
        export AWS_REGION=${AWS_REGION:-$AWS_DEFAULT_REGION}
        export AWS_DEFAULT_REGION=$AWS_REGION
    else
        AWS_REGION=$(aws configure get region) || fail "no region is chosen" "Give --region, such as --region eu-west-1."
        export AWS_REGION AWS_DEFAULT_REGION=$AWS_REGION
    fi
    [[ $AWS_REGION =~ ^[a-z]{2}(-[a-z]+)+-[0-9]+$ ]] || fail "$AWS_REGION is no region" "Give --region, such as --region eu-west-1."
    # Answers go through jq, never through a pager.
    export AWS_PAGER='' AWS_DEFAULT_OUTPUT=json
}

# Asks AWS. What it says when it refuses is kept for `reason`.
ask() { aws "$@" 2>"$work/refusal"; }

# The last thing AWS said when it refused, without the name of the tool.
reason() { grep -v '^[[:space:]]*$' "$work/refusal" | tail -n 1 | sed 's/^An error occurred //' | grep . || say 'no reason given'; }

refused() { grep -qE "\\((${1})\\)" "$work/refusal"; }

need_credentials() {
    need_command jq "Install jq."
    account=$(ask sts get-caller-identity --query Account --output text) ||
        fail "AWS takes no credentials: $(reason)" "Log in (aws sso login), or set AWS_PROFILE."
}

# Reads the outputs of a stack and of the stacks nested in it, and the root's parameters.
read_stack() {
    local nested stack
    ask cloudformation describe-stacks --stack-name "$1" >"$work/root.json" ||
        fail "the stack $1 cannot be read in $AWS_REGION: $(reason)" "Check --stack and --region."
    jq '[.Stacks[0].Parameters // [] | .[] | {(.ParameterKey): .ParameterValue}] | add // {}' "$work/root.json" >"$work/parameters.json"
    jq -r '.Stacks[0].StackId' "$work/root.json" >"$work/stacks"
    nested=$(ask cloudformation list-stack-resources --stack-name "$1" --query \
        "StackResourceSummaries[?ResourceType=='AWS::CloudFormation::Stack' && PhysicalResourceId!=null].PhysicalResourceId" --output text) ||
        fail "the resources of the stack $1 cannot be read: $(reason)"
    cp "$work/root.json" "$work/all.json"
    for stack in $nested; do
        [ "$stack" != None ] || continue
        say "$stack" >>"$work/stacks"
        ask cloudformation describe-stacks --stack-name "$stack" >>"$work/all.json" ||
            fail "the nested stack $stack cannot be read: $(reason)"
    done
    # The root's own word goes before a nested stack's.
    jq -s '[.[].Stacks[0].Outputs // [] | .[] | {(.OutputKey): .OutputValue}] | reverse | add // {}' "$work/all.json" >"$work/outputs.json"
}

# An output of the stack, which has to be there: stack_output KEY
stack_output() {
    jq -er --arg key "$1" '.[$key] // empty' "$work/outputs.json" ||
        fail "the stack $stack has no output $1" "Is it the stack of deploy/cloudformation/image-handler.yaml, and complete?"
}

# An instance of the stack that is in service.
stack_instance() {
    local each groups found
    while read -r each; do
        groups=$(ask cloudformation list-stack-resources --stack-name "$each" --query \
            "StackResourceSummaries[?ResourceType=='AWS::AutoScaling::AutoScalingGroup' && PhysicalResourceId!=null].PhysicalResourceId" --output text) ||
            fail "the resources of $each cannot be read: $(reason)"
        for group in $groups; do
            [ "$group" != None ] || continue
            found=$(ask autoscaling describe-auto-scaling-groups --auto-scaling-group-names "$group" --query \
                "AutoScalingGroups[].Instances[?LifecycleState=='InService'].InstanceId[] | [0]" --output text) ||
                fail "the auto scaling group $group cannot be read: $(reason)"
            if [ -n "$found" ] && [ "$found" != None ]; then
                say "$found"
                return
            fi
        done
    done <"$work/stacks"
    fail "the stack $stack has no instance in service" "Look at the group's activities: aws autoscaling describe-scaling-activities"
}

# Reads a secret and checks that it has the fields: read_secret ARN FIELD...
read_secret() {
    local secret field
    secret=$(ask secretsmanager get-secret-value --secret-id "$1" --query SecretString --output text) ||
        fail "the secret $1 cannot be read: $(reason)" "You need secretsmanager:GetSecretValue on it."
    for field in "${@:2}"; do
        jq -e --arg field "$field" '.[$field] // "" | tostring | length > 0' >/dev/null 2>&1 <<<"$secret" ||
            fail "the secret $1 has no $field"
    done
    say "$secret"
}

# The CA certificates of RDS: a file of the operator's, or those of the stack's release, which have the checksum that the
# stack names, or the release: find_ca FILE
find_ca() {
    local bucket prefix expected
    ca=$work/rds-ca.pem
    if [ -n "$1" ]; then
        [ -r "$1" ] || fail "$1 cannot be read"
        cp "$1" "$ca"
    else
        bucket=$(jq -r '.ReleaseBucket // empty' "$work/parameters.json")
        prefix=$(jq -r '.ReleasePrefix // empty' "$work/parameters.json")
        expected=$(jq -r '.RdsCaSha256 // empty' "$work/parameters.json")
        [ -n "$bucket" ] || fail "the stack does not say where its release is" "Give the file: --ca target/release/rds-ca.pem"
        if [ -z "$expected" ]; then
            ask s3api get-object --bucket "$bucket" --key "${prefix}SHA256SUMS" "$work/sums" >/dev/null ||
                fail "s3://$bucket/${prefix}SHA256SUMS cannot be read: $(reason)" "Give the file: --ca FILE"
            expected=$(sed -nE 's/^([0-9a-f]{64})  rds-ca\.pem$/\1/p' "$work/sums")
        fi
        ask s3api get-object --bucket "$bucket" --key "${prefix}rds-ca.pem" "$ca" >/dev/null ||
            fail "s3://$bucket/${prefix}rds-ca.pem cannot be read: $(reason)" "Give the file: --ca FILE"
        [ "$(sha256 "$ca")" = "$expected" ] ||
            fail "s3://$bucket/${prefix}rds-ca.pem is not the file that the stack was made with" "Its SHA-256 has to be $expected."
    fi
    grep -q 'BEGIN CERTIFICATE' "$ca" || fail "there is no certificate in the file of CA certificates"
}

sha256() { sha256sum "$1" | cut -d ' ' -f 1; }

port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Opens a forward of Session Manager from a port of this machine to the database, through an instance, as the database
# admits nobody else: open_forward INSTANCE HOST PORT LOCAL_PORT
open_forward() {
    local patience=300
    need_command session-manager-plugin \
        "Install it: https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html"
    local_port=$4
    if [ -z "$local_port" ]; then
        local_port=$((20000 + RANDOM % 10000))
        while port_taken "$local_port"; do local_port=$((20000 + RANDOM % 10000)); done
    fi
    port_taken "$local_port" && fail "port $local_port of this machine is taken" "Choose another: --local-port PORT"
    # A process group of its own, so that the plugin ends with the command that started it.
    set -m
    aws ssm start-session --target "$1" --document-name AWS-StartPortForwardingSessionToRemoteHost \
        --parameters "{\"host\":[\"$2\"],\"portNumber\":[\"$3\"],\"localPortNumber\":[\"$local_port\"]}" \
        </dev/null >"$work/forward" 2>&1 &
    forward=$!
    set +m
    until port_taken "$local_port"; do
        if ! kill -0 "$forward" 2>/dev/null; then
            cp "$work/forward" "$work/refusal"
            forward=
            fail "the port forward through $1 ended: $(reason)" \
                "TargetNotConnected: the instance's agent does not reach Session Manager (yet)." \
                "AccessDenied: you need ssm:StartSession on the instance and on AWS-StartPortForwardingSessionToRemoteHost."
        fi
        patience=$((patience - 1))
        [ "$patience" -gt 0 ] || fail "the port forward through $1 did not open within a minute"
        sleep 0.2
    done
}

# The plugin ends its session when it is interrupted, as from a keyboard.
close_forward() {
    local patience=25
    [ -n "$forward" ] || return 0
    kill -INT -- "-$forward" 2>/dev/null || true
    while kill -0 -- "-$forward" 2>/dev/null && [ "$patience" -gt 0 ]; do
        patience=$((patience - 1))
        sleep 0.2
    done
    kill -KILL -- "-$forward" 2>/dev/null || true
    wait "$forward" 2>/dev/null || true
    forward=
}

# Checks certificate and name of the server behind the port forward: verify_server NAME. The client's address is
# 127.0.0.1, so the name has to be given apart; openssl can, and its words are clear.
verify_server() {
    local said
    if said=$(openssl s_client -starttls mysql -connect "127.0.0.1:$local_port" -verify_hostname "$1" -CAfile "$ca" \
        -no-CApath -no-CAstore -verify_return_error -brief 2>&1 </dev/null); then
        return
    fi
    case $said in
        *'hostname mismatch'*) fail "the server behind the port forward is not $1: its certificate has another name" ;;
        *'verify error'*) fail "the certificate of $1 comes from none of the CAs: $(grep -m 1 'verify error' <<<"$said")" \
            "Is the file of CA certificates that of RDS?" ;;
        *) fail "the database does not speak TLS through the port forward: $(tail -n 1 <<<"$said")" \
            "Is the database there (aws rds describe-db-instances), and does its security group admit the instances?" ;;
    esac
}

# Finds the client, and how it verifies the server. Best is the whole of it, by the name, for which the name has to lead
# to this machine: in a namespace of the client's own, where the system lets us. Otherwise the client verifies that
# the certificate comes from the CA, and `verify_server`, right before, has verified the name.
find_client() {
    local version
    client=$(command -v mysql || command -v mariadb) ||
        fail "there is no MySQL client" "Install one: default-mysql-client on Debian."
    version=$("$client" --version)
    client_host=127.0.0.1
    client_inside=()
    printf '127.0.0.1 localhost\n127.0.0.1 %s\n' "$1" >"$work/hosts"
    # Not every system asks that file first, hence the look whether it does.
    # shellcheck disable=SC2016 # The inner shell is the one to expand these.
    if command -v unshare >/dev/null &&
        unshare --user --map-root-user --mount sh -c 'mount --bind "$0" /etc/hosts && getent ahostsv4 "$1" | grep -q "^127.0.0.1 "' \
            "$work/hosts" "$1" 2>/dev/null; then
        client_host=$1
        client_inside=(unshare --user --map-root-user --mount sh -c 'mount --bind "$0" /etc/hosts && exec "$@"' "$work/hosts")
    fi
    case $version in
        *MariaDB*)
            client_tls=(--ssl-ca="$ca")
            if [ "$client_host" != 127.0.0.1 ]; then
                client_tls+=(--ssl-verify-server-cert)
            elif [[ ! $version =~ Distrib\ 10\. ]]; then
                fail "this MariaDB client verifies names only, and this system lets no name lead to the port forward" \
                    "Use MySQL's own client, or MariaDB's of 10.x, or a Linux system with user namespaces."
            fi
            ;;
        *)
            client_tls=(--ssl-ca="$ca" --ssl-mode=VERIFY_CA)
            [ "$client_host" = 127.0.0.1 ] || client_tls=(--ssl-ca="$ca" --ssl-mode=VERIFY_IDENTITY)
            ;;
    esac
}

# Writes the file that a login is read from: write_login NAME, the secret on standard input. Between quotation marks a
# backslash is the only character that means something there, except for a quotation mark, which nothing can express.
write_login() {
    jq -er 'select("\(.username)\(.password)" | test("[\"[:cntrl:]]") | not)
        | "[client]\nuser=\"\(.username | gsub("\\\\"; "\\\\"))\"\npassword=\"\(.password | gsub("\\\\"; "\\\\"))\""' \
        >"$work/$1.cnf" || fail "the password of the $1's login has a quotation mark or a control character, which clients cannot read" \
        "Put another into its secret: bootstrap-db --rotate does it for the service's user."
}

# Executes statements from standard input with a login: sql NAME [DATABASE]
sql() {
    "${client_inside[@]+"${client_inside[@]}"}" "$client" --defaults-file="$work/$1.cnf" --protocol=tcp --host="$client_host" \
        --port="$local_port" --connect-timeout=20 "${client_tls[@]}" --default-character-set=utf8mb4 --batch \
        --skip-column-names ${2:+"$2"} 2>"$work/refusal"
}
