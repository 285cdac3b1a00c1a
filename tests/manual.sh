#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
#   manual.sh RAVEL
#
# The manual pages are well-formed, and they and the completions know every verb and option that
# `ravel VERB --help` knows, and no other.
set -eu
ravel=$1
result=0

fail()
{
    echo "$*" >&2
    result=1
}

if command -v mandoc >/dev/null; then
    # Pages that are not installed yet are no fault.
    ! mandoc -T lint -W style man/*.1 | grep -v 'referenced manual not found' >&2 || result=1
else
    echo "mandoc is not installed: the pages' form is not checked"
fi

# The long options in a text, one a line.
long_options()
{
    grep -o -e '--[a-z][a-z-]*' | sort -u
}

bash_options()
{
    bash -c '. completions/ravel.bash && _ravel_options "$1"' - "$1" | long_options
}

# The verb's case; the options that verbs share are in $common.
zsh_options()
{
    awk -v verb="$1" '
        /common=\(/ { shared = 1 }
        shared { common = common "\n" $0 }
        shared && /^ *\)$/ { shared = 0 }
        $1 == verb ")" { inside = 1 }
        inside && /\$common/ { print common }
        inside { print }
        inside && /;;/ { exit }' completions/_ravel | long_options
}

# same WHERE VERB HELP OTHER
same()
{
    [ "$3" = "$4" ] || fail "$1: the options of ravel $2 are not those of --help:" "$3" / "$4"
}

verbs=$("$ravel" --help | sed -n 's/^  ravel \([a-z]*\) .*/\1/p')
[ -n "$verbs" ]
for verb in $verbs; do
    page=man/ravel-$verb.1
    [ -f "$page" ] || { fail "no $page"; continue; }
    grep -q "^\.It Cm $verb\$" man/ravel.1 || fail "man/ravel.1 does not name $verb"
    grep -q "^        '$verb:" completions/_ravel || fail "completions/_ravel does not name $verb"
    grep -q "compgen -W \".*\<$verb\>" completions/ravel.bash ||
        fail "completions/ravel.bash does not name $verb"
    help=$("$ravel" "$verb" --help | sed -n 's/^  *\(-[^ ].*\)/\1/p' | sed 's/   .*//' | long_options)
    same "$page" "$verb" "$help" "$(sed -n 's/^\.It .*Fl -\([a-z-]*\).*/--\1/p' "$page" | sort -u)"
    same "completions/ravel.bash" "$verb" "$help" "$(bash_options "$verb")"
    same "completions/_ravel" "$verb" "$help" "$(zsh_options "$verb")"
done
exit $result
