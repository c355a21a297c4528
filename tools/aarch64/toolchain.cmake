# Compiles for aarch64 with Debian's cross compiler against build/aarch64/root, and runs what it made under QEMU.
# SPDX-License-Identifier: Apache-2.0
get_filename_component(CMAKE_SYSROOT ${CMAKE_CURRENT_LIST_DIR}/../../build/aarch64/root ABSOLUTE)
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L ${CMAKE_SYSROOT})
set(CMAKE_FIND_ROOT_PATH ${CMAKE_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE BOTH)  # nanobind's is a Python package of this machine
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${CMAKE_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR} ${CMAKE_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${CMAKE_SYSROOT}/usr/share/pkgconfig)

# This machine's Python runs the tools; headers, library and the modules' names are those of the root's.
file(GLOB python_headers ${CMAKE_SYSROOT}/usr/include/python3.*)
get_filename_component(python_version ${python_headers} NAME)
string(REGEX REPLACE "python3\\.([0-9]+)" "cpython-3\\1-aarch64-linux-gnu" python_abi ${python_version})
foreach(kind IN ITEMS Python Python3)
  set(${kind}_INCLUDE_DIR ${python_headers} CACHE PATH "")
  set(${kind}_LIBRARY ${CMAKE_SYSROOT}/usr/lib/aarch64-linux-gnu/lib${python_version}.so CACHE FILEPATH "")
endforeach()
set(SKBUILD_SOABI ${python_abi} CACHE STRING "")
