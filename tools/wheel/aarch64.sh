# What a build for aarch64 on another machine sets: build.sh, libraries.sh and gil/tools/wheel.sh read it. zlib's,
# libvpx' and CMake's builds take it from the environment.
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034  # used where it is read
triple=aarch64-linux-gnu
root=$PWD/build/aarch64/root
root_libraries=$root/usr/lib/$triple
work=$PWD/build/wheel/aarch64
prefix=$work/prefix
export CC="$triple-gcc --sysroot=$root" CXX="$triple-g++ --sysroot=$root" AR=$triple-ar RANLIB=$triple-ranlib
export CHOST=$triple CROSS=$triple-
export CMAKE_TOOLCHAIN_FILE=$PWD/tools/wheel/aarch64.cmake
mkdir -p "$work/bin"
# The linker looks there for what shared libraries want.
link_paths="-Wl,-rpath-link,$prefix/lib:$root_libraries"

# The C compiler assembles FFmpeg's and pixman's code for NEON, with the same options.
old_glibc_header=$work/old_glibc.h
printf '#ifndef __ASSEMBLER__\n#include "%s"\n#endif\n' "$PWD/tools/wheel/old_glibc.h" >"$old_glibc_header"

# auditwheel and a recipe call these two by their plain names.
ln -sf "$(command -v $triple-strip)" "$work/bin/strip"
ln -sf "$(command -v $triple-nm)" "$work/bin/nm"
export PATH=$work/bin:$PATH

meson_file=$work/meson.ini
cat >"$meson_file" <<END
[binaries]
c = ['$triple-gcc', '--sysroot=$root']
cpp = ['$triple-g++', '--sysroot=$root']
ar = '$triple-ar'
strip = '$triple-strip'
pkg-config = 'pkg-config'
exe_wrapper = ['qemu-aarch64', '-L', '$root']

[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'aarch64'
endian = 'little'
END
ffmpeg_options="--enable-cross-compile --cross-prefix=$triple- --arch=aarch64 --target-os=linux --sysroot=$root --pkg-config=pkg-config"

# Sets how a module for the Python of a tag is built, with an environment of this machine's Python of the same version.
cross_python() { # TAG ENVIRONMENT
  local abi=${1/cp/cpython-}-$triple version=3.${1#cp3} settings="-DPython_EXECUTABLE=$2/bin/python" other
  if [ ! -d "$root/usr/include/python$version" ]; then  # not the Python of this Debian
    tools/aarch64/python.sh "$version"
    other=$PWD/build/aarch64/python$version/usr
    settings+=" -DPython_INCLUDE_DIR=$other/include/python$version -DPython_LIBRARY=$other/lib/$triple/libpython$version.so -DSKBUILD_SOABI=$abi"
  fi
  # The Python that builds is this machine's. Headers, library and names of modules are those of the other.
  compiler=(_PYTHON_HOST_PLATFORM=linux-aarch64 SETUPTOOLS_EXT_SUFFIX=".$abi.so" CMAKE_ARGS="$settings")
  search=(AUDITWHEEL_LD_LIBRARY_PATH="$prefix/lib:$root_libraries")
  # auditwheel reads the files of any architecture, but knows the names of this machine's platforms only.
  auditwheel=(python -c "import platform, sys; platform.machine = lambda: 'aarch64'; from auditwheel.main import main; sys.exit(main())")
  from=(--root "$root")
}
