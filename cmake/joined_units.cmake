# How many files the preset `dev` and wheels compile as one (CMAKE_UNITY_BUILD).
#
# Most of the time of a compiler goes into templates of the standard library and of nanobind, and each unit pays for them
# again. So a whole layer is one unit, without debugging information: two thirds of the time that units of eight files
# take. An edit would compile its whole layer again, so ./dev lists the layers that are being edited in
# FRESHFRAME_SMALL_UNITS. These are compiled in units of eight files from then on. With more than four cores all are,
# because more units keep them busy.
# SPDX-License-Identifier: Apache-2.0

set(FRESHFRAME_SMALL_UNITS "" CACHE STRING "Layers, tests_LAYER for their tests, or all: their files are joined by eight in a joined build, not as a whole")

# g++ collects its garbage less often, which saves 4 % of its time and takes .3 GiB more.
if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(--param=ggc-min-heapsize=1000000)
endif()

# freshframe_join(TARGET LAYER [UNITS N] [APART FILE...]) compiles the layer in N units, by default one, and the files of APART
# in one more.
function(freshframe_join target layer)
  cmake_parse_arguments(PARSE_ARGV 2 ARG "" "UNITS" "APART")
  if(NOT CMAKE_UNITY_BUILD OR CMAKE_BUILD_TYPE STREQUAL "Debug")
    return()
  endif()
  if(FRESHFRAME_SMALL_UNITS MATCHES "^all$" OR layer IN_LIST FRESHFRAME_SMALL_UNITS)
    return()
  endif()
  if(NOT ARG_UNITS)
    set_target_properties(${target} PROPERTIES UNITY_BUILD_BATCH_SIZE 0)  # no limit
    return()
  endif()
  get_target_property(sources ${target} SOURCES)
  list(REMOVE_ITEM sources ${ARG_APART})
  list(LENGTH sources files)
  set(number 0)
  foreach(source IN LISTS sources)
    math(EXPR unit "${number} * ${ARG_UNITS} / ${files}")
    set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${unit})
    math(EXPR number "${number} + 1")
  endforeach()
  set_source_files_properties(${ARG_APART} PROPERTIES UNITY_GROUP apart)
  set_target_properties(${target} PROPERTIES UNITY_BUILD_MODE GROUP)
endfunction()
