# Installs the build into a scratch prefix, then configures, builds and runs the project beside this file.
# SPDX-License-Identifier: Apache-2.0
set(scratch ${build_dir}/cmake_package)
file(REMOVE_RECURSE ${scratch})

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  message("${output}")
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "this failed (${result}): ${ARGN}")
  endif()
endfunction()

run(${CMAKE_COMMAND} --install ${build_dir} --component cpp --prefix ${scratch}/prefix)
run(${CMAKE_COMMAND} -G Ninja -S ${source_dir} -B ${scratch}/build
  -D CMAKE_PREFIX_PATH=${scratch}/prefix -D CMAKE_CXX_COMPILER=${compiler})
run(${CMAKE_COMMAND} --build ${scratch}/build)
run(${scratch}/build/count_circles)
