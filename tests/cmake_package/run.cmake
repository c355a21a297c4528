# Installs the build into a scratch prefix, then configures, builds and runs two projects against it: the one beside this
# file, and the complete example.
# SPDX-License-Identifier: Apache-2.0
set(scratch ${build_dir}/cmake_package)
file(REMOVE_RECURSE ${scratch})

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  message("${output}")
  set(output "${output}" PARENT_SCOPE)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "this failed (${result}): ${ARGN}")
  endif()
endfunction()

run(${CMAKE_COMMAND} --install ${build_dir} --component cpp --prefix ${scratch}/prefix)
# A program can use an archive only if it has a header.
file(READ ${rules} layers)
file(GLOB_RECURSE archives ${scratch}/prefix/libfreshframe_*.a)
if(NOT archives)
  message(FATAL_ERROR "no archive was installed below ${scratch}/prefix")
endif()
foreach(archive IN LISTS archives)
  string(REGEX REPLACE ".*/libfreshframe_(.*)\\.a$" "\\1" layer ${archive})
  if(layer STREQUAL platform)  # no program needs it by itself, but core links it
    continue()
  endif()
  if(NOT layers MATCHES "\\[${layer}\\]\nmay_use = [^\n]*\npublic = \\[\"")
    message(FATAL_ERROR "${archive} is installed, but ${rules} names no public header of ${layer}")
  endif()
endforeach()
function(build_project folder name)
  run(${CMAKE_COMMAND} -G Ninja -S ${folder} -B ${scratch}/${name}
    -D CMAKE_PREFIX_PATH=${scratch}/prefix -D CMAKE_CXX_COMPILER=${compiler})
  run(${CMAKE_COMMAND} --build ${scratch}/${name})
endfunction()

build_project(${source_dir} count_circles)
run(${scratch}/count_circles/count_circles)

if(serve)  # the example has a dashboard
  build_project(${example_dir} watch_circles)
  run(${scratch}/watch_circles/watch_circles)
  string(REGEX MATCHALL "[0-9.]+ s: [0-9]+ circles" lines "${output}")
  list(LENGTH lines count)
  if(NOT count EQUAL 90 OR NOT output MATCHES "dashboard: http://" OR NOT output MATCHES "brightness [0-9]"
     OR NOT output MATCHES "[1-9] circles")
    message(FATAL_ERROR "watch_circles printed ${count} lines of circles, or lacks others")
  endif()
endif()
