# Builds the project beside this file against the installed Python package, and against the checkout; runs both.
# SPDX-License-Identifier: Apache-2.0
set(scratch ${build_dir}/gil_package)
file(REMOVE_RECURSE ${scratch})

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  message("${output}")
  set(output "${output}" PARENT_SCOPE)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "this failed (${result}): ${ARGN}")
  endif()
endfunction()

# As a wheel puts it into site-packages: the .py files, the modules, the headers.
file(MAKE_DIRECTORY ${scratch}/site)
run(cp -rL ${source_dir}/python/freshframe ${scratch}/site)
file(GLOB modules ${scratch}/site/freshframe/*.so)
file(REMOVE ${modules})
run(${CMAKE_COMMAND} --install ${build_dir} --component python --prefix ${scratch}/site)

foreach(site IN ITEMS ${scratch}/site ${source_dir}/python)
  set(ENV{PYTHONPATH} ${site})
  # A native node needs the headers alone.
  run(${python} -c "import freshframe\nprint(freshframe.native.get_include(), end='')")
  set(plugin ${scratch}/libmotion.so)
  run(${compiler} -std=c++20 -O3 -Wall -Wextra -Werror -shared -fPIC -I${output}
    ${source_dir}/examples/native_node/motion.cpp -o ${plugin})
  run(${python} -c "import freshframe as ff\nff.native.node('${plugin}', 'motion')")
  string(MD5 name ${site})
  run(${CMAKE_COMMAND} -G Ninja -S ${CMAKE_CURRENT_LIST_DIR} -B ${scratch}/${name}
    -D Python_EXECUTABLE=${python} -D CMAKE_CXX_COMPILER=${compiler})
  run(${CMAKE_COMMAND} --build ${scratch}/${name})
  set(ENV{PYTHONPATH} ${scratch}/${name})
  run(${python} -c "import outside\nassert outside.twice(21) == 42")
endforeach()

# The engine's archives are not in the Python package, and it says so.
file(WRITE ${scratch}/engine/CMakeLists.txt "cmake_minimum_required(VERSION 3.22)\nproject(engine LANGUAGES NONE)
find_package(freshframe 0.1 CONFIG REQUIRED COMPONENTS core)\n")
execute_process(COMMAND ${CMAKE_COMMAND} -G Ninja -S ${scratch}/engine -B ${scratch}/engine/build
  -D freshframe_DIR=${scratch}/site/freshframe/cmake RESULT_VARIABLE result ERROR_VARIABLE error OUTPUT_QUIET)
string(REGEX REPLACE "[ \n]+" " " error "${error}")
if(result EQUAL 0 OR NOT error MATCHES "brings 'gil' and 'plugin_api' alone")
  message(FATAL_ERROR "asking the Python package for the engine should have been refused:\n${error}")
endif()
