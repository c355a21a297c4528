# Compiles the wheel's libraries and modules for aarch64: what libraries.sh has built comes first, and of pkg-config's
# modules only those, as for this machine's own wheel.
# SPDX-License-Identifier: Apache-2.0
include(${CMAKE_CURRENT_LIST_DIR}/../aarch64/toolchain.cmake)
get_filename_component(wheel_prefix ${CMAKE_CURRENT_LIST_DIR}/../../build/wheel/aarch64/prefix ABSOLUTE)
list(PREPEND CMAKE_FIND_ROOT_PATH ${wheel_prefix})
unset(ENV{PKG_CONFIG_SYSROOT_DIR})
set(ENV{PKG_CONFIG_LIBDIR} ${wheel_prefix}/lib/pkgconfig)
