#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# python.sh WORK COMMAND [SANITIZERS]: `pip install .` in a fresh virtual environment in the folder WORK,
# then the tests of the package, against COMMAND; with SANITIZERS, the module is built with these.
set -eu

# ctest takes exit code 77 as "skipped".
skip()
{
    echo "SKIPPED: $*"
    exit 77
}

work=$1
command=$2
sanitizers=${3:-}
pip="$work/venv/bin/pip --quiet --disable-pip-version-check"

command -v python3 >/dev/null || skip "no python3"
rm -rf "$work"
mkdir -p "$work"
python3 -m venv "$work/venv" || skip "python3 has no venv: on Debian, apt install python3-venv"
# All that comes from the network, first: where that fails it is no failure of the package.
# shellcheck disable=SC2086
sed -n 's/^requires = \[\(.*\)\]$/\1/p' pyproject.toml | tr , ' ' |
    xargs $pip install --retries 1 numpy pytest || skip "PyPI cannot be reached"
install="$pip install --no-build-isolation --no-index"

if [ -n "$sanitizers" ]; then
    command -v gcc >/dev/null || skip "no gcc, whose sanitizers are loaded before python3"
    # shellcheck disable=SC2086
    CC=gcc $install --config-settings=cmake.define.RAVEL_SANITIZE="$sanitizers" \
        --config-settings=cmake.build-type=RelWithDebInfo --config-settings=install.strip=false .
    LD_PRELOAD=$(gcc -print-file-name=libasan.so)
    export LD_PRELOAD
    # Python itself never frees all; what the package keeps is seen by one of its tests.
    export ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=1:allocator_may_return_null=1
    export UBSAN_OPTIONS=print_stacktrace=1 PYTHONMALLOC=malloc
else
    # shellcheck disable=SC2086
    $install .
fi

RAVEL_COMMAND=$command "$work/venv/bin/python" -m pytest -q -p no:cacheprovider -rs --capture=sys python/tests
