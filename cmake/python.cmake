# Finds Python and nanobind; freshframe_extension() makes a module of the package freshframe.
# SPDX-License-Identifier: Apache-2.0

set(supported "freshframe runs on Linux x86-64 and aarch64 with CPython 3.10 to 3.14 and NumPy 1.24 or newer")

# A checkout's own environment is preferred, so that building by hand and by ./dev use the same Python.
if(NOT DEFINED Python_EXECUTABLE AND EXISTS ${PROJECT_SOURCE_DIR}/.venv/bin/python AND NOT DEFINED ENV{VIRTUAL_ENV})
  set(Python_EXECUTABLE ${PROJECT_SOURCE_DIR}/.venv/bin/python)
endif()
set(Python_FIND_VIRTUALENV FIRST)
find_package(Python 3.10 COMPONENTS Interpreter Development.Module)
if(NOT Python_Interpreter_FOUND)
  message(FATAL_ERROR "${supported}; no Python 3.10 or newer was found")
elseif(Python_INTERPRETER_ID STREQUAL "PyPy" OR Python_VERSION VERSION_GREATER_EQUAL 3.15)
  message(FATAL_ERROR "${supported}; this is ${Python_INTERPRETER_ID} ${Python_VERSION}: ${Python_EXECUTABLE}")
elseif(NOT Python_Development.Module_FOUND)
  message(FATAL_ERROR "the headers of ${Python_EXECUTABLE} (${Python_VERSION}) are missing; on Debian: apt-get install python3-dev")
endif()

execute_process(COMMAND ${Python_EXECUTABLE} -m nanobind --cmake_dir
  OUTPUT_VARIABLE nanobind_ROOT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
find_package(nanobind 3.1 CONFIG QUIET)
if(NOT nanobind_FOUND)
  message(FATAL_ERROR "nanobind 3.1 or newer is missing in ${Python_EXECUTABLE}; run ./dev build, or: pip install nanobind==3.1.0")
endif()

# freshframe_extension(NAME SOURCES ... [LIBRARIES ...] [STUB_PATTERNS FILE]): the module freshframe.NAME. When developing it
# lies in the package's folder, and the target freshframe_stub writes its typed description, NAME.pyi.
function(freshframe_extension name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "STUB_PATTERNS" "SOURCES;LIBRARIES")
  nanobind_add_module(${name} NB_STATIC NOMINSIZE NB_SUPPRESS_WARNINGS FREE_THREADED ${ARG_SOURCES})
  # nanobind's own library, which has another name on a free-threaded Python: its warnings are not ours.
  foreach(library IN ITEMS nanobind-static nanobind-static-ft)
    if(TARGET ${library})
      target_compile_options(${library} PRIVATE -w)
    endif()
  endforeach()
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES})
  if(NOT TARGET freshframe_python)
    add_custom_target(freshframe_python)
  endif()
  add_dependencies(freshframe_python ${name})
  install(TARGETS ${name} LIBRARY DESTINATION freshframe COMPONENT python)
  if(NOT FRESHFRAME_DEVELOPMENT)
    return()
  endif()

  # `python/` on the path is then a complete package: an edit of a .py file needs no build, one of a .cpp only ninja.
  set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${PROJECT_SOURCE_DIR}/python/freshframe)
  if(ARG_STUB_PATTERNS)
    set(patterns PATTERN_FILE ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_STUB_PATTERNS})
  endif()
  nanobind_add_stub(freshframe_stub${name} INCLUDE_PRIVATE
    MODULE freshframe.${name} OUTPUT ${PROJECT_BINARY_DIR}/${name}.pyi
    ${patterns} PYTHON_PATH ${PROJECT_SOURCE_DIR}/python DEPENDS ${name} _native)
  # Writing it imports the package, so that a mistake in a .py file would otherwise stop the build.
  set_target_properties(freshframe_stub${name} PROPERTIES EXCLUDE_FROM_ALL TRUE)
  if(NOT TARGET freshframe_stub)
    add_custom_target(freshframe_stub)
  endif()
  add_dependencies(freshframe_stub freshframe_stub${name})
  if(FRESHFRAME_TESTS)
    add_test(NAME python_stub${name}_is_built
      COMMAND ${CMAKE_COMMAND} --build ${PROJECT_BINARY_DIR} --target freshframe_stub${name})
    # Of two Pythons that name a type differently (CapsuleType has been in `types` since 3.13) the older one decides.
    if(Python_VERSION VERSION_GREATER_EQUAL 3.13)
      return()
    endif()
    add_test(NAME python_stub${name}_is_committed COMMAND sh -c
      "diff -u python/freshframe/${name}.pyi ${PROJECT_BINARY_DIR}/${name}.pyi || { echo 'run ./dev stubs and commit'; exit 1; }"
      WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    # One build at a time in a build folder.
    set_tests_properties(python_stub${name}_is_built PROPERTIES FIXTURES_SETUP python_stub${name} RESOURCE_LOCK build_folder)
    set_tests_properties(python_stub${name}_is_committed PROPERTIES FIXTURES_REQUIRED python_stub${name})
  endif()
endfunction()
