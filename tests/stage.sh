#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# stage.sh BUILD STAGE [deb]: installs BUILD into the folder STAGE, or unpacks its Debian packages there.
set -eu
rm -rf "$2"
if [ "${3:-}" != deb ]; then
    DESTDIR=$2 cmake --install "$1"
    exit
fi
command -v dpkg-deb >/dev/null || { echo "SKIPPED: no dpkg here"; exit 77; }
rm -f "$1"/*.deb
(cd "$1" && cpack)
for package in "$1"/*.deb; do
    dpkg-deb --info "$package"
    dpkg-deb --extract "$package" "$2"
done
