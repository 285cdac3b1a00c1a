# SPDX-License-Identifier: BSD-3-Clause
# Read by end-to-end tests of the command: a directory of their own to work in, which is taken away
# at the end, and checks that are counted. `shown` names the files that explain a failure.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
unset RAVEL_MODEL RAVEL_CPU
LC_ALL=C # the tools' messages and commas
export LC_ALL
n_checks=0
n_failed=0
shown=err

fail()
{
    n_failed=$((n_failed + 1))
    echo "FAILED: $*" >&2
    # shellcheck disable=SC2086
    sed 's/^/    /' $shown >&2
}

# expect CODE WORDS COMMAND...: the exit code, and words in what it says on standard error; without
# words it says nothing.
expect()
{
    n_checks=$((n_checks + 1))
    code=$1
    words=$2
    shift 2
    "$@" >out 2>err
    got=$?
    [ "$got" -eq "$code" ] || fail "exit code $got, not $code: $*"
    if [ -z "$words" ]; then
        [ ! -s err ] || fail "something was said: $*"
    else
        grep -q -e "$words" err || fail "nothing of '$words': $*"
    fi
}

equal()
{
    n_checks=$((n_checks + 1))
    : >err
    [ "$1" = "$2" ] || fail "'$1' is not '$2'"
}

# await COMMAND...: until it succeeds; a minute, so that a machine that is slow just now is no failure.
await()
{
    for _ in $(seq 600); do
        "$@" && return
        sleep 0.1
    done
    echo "waited in vain for: $*" >&2
    return 1
}

bytes()
{
    for byte; do
        printf "\\$(printf %03o "$byte")"
    done
}

le16()
{
    bytes $(($1 & 255)) $(($1 >> 8 & 255))
}

le32()
{
    le16 $(($1 & 65535))
    le16 $(($1 >> 16 & 65535))
}

# finish NAME: says how it went; the exit status of the test.
finish()
{
    if [ $n_failed -ne 0 ]; then
        echo "$1: $n_failed of $n_checks checks failed" >&2
        exit 1
    fi
    echo "$1: all $n_checks checks passed"
}
