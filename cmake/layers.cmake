# Makes a static archive of each layer, with the libraries that pkg-config finds.
# SPDX-License-Identifier: Apache-2.0

# pkg-config modules as target PkgConfig::<prefix>; what is missing is said together with what to install.
function(freshframe_pkg_config prefix)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(${prefix} IMPORTED_TARGET GLOBAL ${ARGN})
  if(NOT ${prefix}_FOUND)
    list(JOIN ARGN ", " wanted)
    message(FATAL_ERROR "these libraries (or newer ones) are wanted and not all were found by pkg-config: ${wanted}\n"
      "Install the packages listed in tools/debian-packages.txt (./dev setup does it on Debian and Ubuntu), "
      "or switch the layer off with -DFRESHFRAME_MEDIA=OFF, -DFRESHFRAME_VISION=OFF, -DFRESHFRAME_INFERENCE=OFF or -DFRESHFRAME_NUMERIC=OFF.")
  endif()
  # SVE's vectors have no size that the compiler knows, so neither structs nor arrays can hold them, and g++ 12 crashes when
  # their header follows a precompiled one. NEON, which every aarch64 has, does the work.
  if(prefix STREQUAL "HWY" AND CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
    target_compile_definitions(PkgConfig::HWY INTERFACE "HWY_DISABLED_TARGETS=(HWY_SVE|HWY_SVE2|HWY_SVE_256|HWY_SVE2_128)")
  endif()
  # What clang 14 makes of Highway 1.0's emulated vectors gives wrong colours. No processor uses them: each has SSE2 or NEON.
  if(prefix STREQUAL "HWY" AND CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    target_compile_definitions(PkgConfig::HWY INTERFACE HWY_BROKEN_EMU128=1)
  endif()
endfunction()

# One static archive per layer; who may use whom is in tools/layers.toml and checked by tools/check_layers.py.
# INTERNAL: it has no public header, so it is not installed with the C++ libraries.
function(freshframe_layer name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/src/${name}/*.cpp)
  add_library(freshframe_${name} STATIC ${sources})
  # CMAKE_UNITY_BUILD joins files. Those of Highway, the loops over pixels, compile themselves once for each instruction set,
  # at -O2 in each build.
  foreach(source IN LISTS sources)
    file(STRINGS ${source} vectors REGEX "hwy/" LIMIT_COUNT 1)
    if(vectors)
      set_source_files_properties(${source} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
      if(FRESHFRAME_QUICKLY_COMPILED)
        set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS -O2 SKIP_PRECOMPILE_HEADERS ON)
      endif()
    endif()
  endforeach()
  add_library(freshframe::${name} ALIAS freshframe_${name})
  set_target_properties(freshframe_${name} PROPERTIES EXPORT_NAME ${name})
  target_compile_features(freshframe_${name} PUBLIC cxx_std_20)
  target_include_directories(freshframe_${name}
    PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/src)
  freshframe_join(freshframe_${name} ${name})
  freshframe_precompile(freshframe_${name})
  list(APPEND FRESHFRAME_LAYERS ${name})
  set(FRESHFRAME_LAYERS ${FRESHFRAME_LAYERS} PARENT_SCOPE)
  if(NOT "INTERNAL" IN_LIST ARGN)
    list(APPEND FRESHFRAME_INSTALLED_LAYERS ${name})
    set(FRESHFRAME_INSTALLED_LAYERS ${FRESHFRAME_INSTALLED_LAYERS} PARENT_SCOPE)
  endif()
endfunction()
