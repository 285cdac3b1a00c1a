# SPDX-License-Identifier: BSD-3-Clause
# Sourced by the lints, in the root of the tree: skip(), and the lists of what they look at.

# ctest takes exit code 77 as "skipped".
skip()
{
    echo "SKIPPED: $*"
    exit 77
}

folders="include nn rvq codec audio_io tools samples tests"

# C files and headers.
sources()
{
    # shellcheck disable=SC2086
    find $folders -name '*.[ch]' | sort
}
