# SPDX-License-Identifier: BSD-3-Clause
# Cross-compiles for 64-bit Arm Linux; programs run under qemu-user. libcjson for arm64 is taken from
# RAVEL_ARM64_ROOT, where `run` unpacks Debian's package without installing it.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu)

set(RAVEL_ARM64_ROOT ${CMAKE_CURRENT_LIST_DIR}/../build-arm64/root CACHE PATH "libcjson for arm64")
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${RAVEL_ARM64_ROOT})
set(ENV{PKG_CONFIG_LIBDIR} ${RAVEL_ARM64_ROOT}/usr/lib/aarch64-linux-gnu/pkgconfig)
