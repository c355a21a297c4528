# Finds Python and nanobind, and defines freshframe_extension(), which makes a module of the package freshframe.
# SPDX-License-Identifier: Apache-2.0

set(supported "freshframe runs on Linux x86-64 and aarch64 with CPython 3.10 to 3.15 and NumPy 1.24 or newer")

# A checkout's own environment comes first, so that a build by hand uses the same Python as ./dev.
if(NOT DEFINED Python_EXECUTABLE AND EXISTS ${CMAKE_CURRENT_LIST_DIR}/../.venv/bin/python AND NOT DEFINED ENV{VIRTUAL_ENV})
  get_filename_component(Python_EXECUTABLE ${CMAKE_CURRENT_LIST_DIR}/../.venv/bin/python ABSOLUTE)
endif()
set(Python_FIND_VIRTUALENV FIRST)
find_package(Python 3.10 COMPONENTS Interpreter Development.Module)
if(NOT Python_Interpreter_FOUND)
  message(FATAL_ERROR "${supported}; no Python 3.10 or newer was found")
elseif(Python_INTERPRETER_ID STREQUAL "PyPy" OR Python_VERSION VERSION_GREATER_EQUAL 3.16)
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

# From 3.12 on a module is one of the stable ABI: for that CPython and all newer ones. nanobind asks for this target, which
# CMake's own search makes from 3.26 on, and leaves the stable ABI out without it. On Linux a module links nothing of Python.
execute_process(COMMAND ${Python_EXECUTABLE} -c "import sysconfig; print(int(bool(sysconfig.get_config_var('Py_GIL_DISABLED'))))"
  OUTPUT_VARIABLE free_threaded OUTPUT_STRIP_TRAILING_WHITESPACE)
set(stable_abi "")
if(Python_VERSION VERSION_GREATER_EQUAL 3.12 AND free_threaded STREQUAL "0")
  set(stable_abi STABLE_ABI)
  if(NOT TARGET Python::SABIModule)
    add_library(Python::SABIModule INTERFACE IMPORTED)
  endif()
endif()

# freshframe_extension(NAME SOURCES ... [LIBRARIES ...] [STUB_PATTERNS FILE]) makes the module freshframe.NAME. In a build for
# development the module lies in the package's folder, and the target freshframe_stub writes its stub, NAME.pyi.
function(freshframe_extension name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "STUB_PATTERNS" "SOURCES;LIBRARIES")
  nanobind_add_module(${name} NB_STATIC ${stable_abi} NOMINSIZE NB_SUPPRESS_WARNINGS FREE_THREADED ${ARG_SOURCES})
  get_target_property(suffix ${name} SUFFIX)
  if(stable_abi AND NOT suffix STREQUAL ".abi3.so")
    message(FATAL_ERROR "${name} must be a module of the stable ABI, as each is from CPython 3.12 on; nanobind makes ${name}${suffix} of it")
  endif()
  # The warnings of nanobind's own library are not ours. nanobind's nb_combined.cpp includes its files in the right order. The
  # target has another name on a free-threaded Python.
  foreach(library IN ITEMS nanobind-static nanobind-static-abi3 nanobind-static-ft)
    if(TARGET ${library})
      target_compile_options(${library} PRIVATE -w)
      if(CMAKE_UNITY_BUILD)
        set_target_properties(${library} PROPERTIES UNITY_BUILD OFF SOURCES ${NB_DIR}/src/nb_combined.cpp)
      endif()
    endif()
  endforeach()
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/gil/src ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES})
  if(NOT TARGET freshframe_python)
    add_custom_target(freshframe_python)
  endif()
  add_dependencies(freshframe_python ${name})
  install(TARGETS ${name} LIBRARY DESTINATION freshframe COMPONENT python)
  if(NOT FRESHFRAME_DEVELOPMENT)
    return()
  endif()

  # With it `python/` is a complete package. An edit of a .py file needs no build, and one of a .cpp file only ninja.
  set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${PROJECT_SOURCE_DIR}/python/freshframe)
  if(ARG_STUB_PATTERNS)
    set(patterns PATTERN_FILE ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_STUB_PATTERNS})
  endif()
  freshframe_stub(${name} freshframe ${PROJECT_SOURCE_DIR}/python TARGETS ${name} _native OPTIONS ${patterns})
endfunction()

# freshframe_stub(NAME PACKAGE FOLDER TARGETS ... [OPTIONS ...]) writes the stub of the module PACKAGE.NAME into the build's folder.
# The one that is committed is in FOLDER/PACKAGE.
function(freshframe_stub name package folder)
  cmake_parse_arguments(PARSE_ARGV 3 ARG "" "" "TARGETS;OPTIONS")
  nanobind_add_stub(freshframe_stub${name} INCLUDE_PRIVATE
    MODULE ${package}.${name} OUTPUT ${PROJECT_BINARY_DIR}/${name}.pyi
    ${ARG_OPTIONS} PYTHON_PATH ${folder} DEPENDS ${ARG_TARGETS})
  # The stub's writer imports the package. A mistake in a .py file must not stop the build.
  set_target_properties(freshframe_stub${name} PROPERTIES EXCLUDE_FROM_ALL TRUE)
  if(NOT TARGET freshframe_stub)
    add_custom_target(freshframe_stub)
  endif()
  add_dependencies(freshframe_stub freshframe_stub${name})
  if(FRESHFRAME_TESTS)
    add_test(NAME python_stub${name}_is_built
      COMMAND ${CMAKE_COMMAND} --build ${PROJECT_BINARY_DIR} --target freshframe_stub${name})
    # Ninja runs one build at a time in a build folder.
    set_tests_properties(python_stub${name}_is_built PROPERTIES FIXTURES_SETUP python_stub${name} RESOURCE_LOCK build_folder)
    # Two Pythons may name a type differently: CapsuleType is in `types` since 3.13. The older one's name is kept.
    if(Python_VERSION VERSION_GREATER_EQUAL 3.13)
      return()
    endif()
    add_test(NAME python_stub${name}_is_committed COMMAND sh -c
      "diff -u ${folder}/${package}/${name}.pyi ${PROJECT_BINARY_DIR}/${name}.pyi || { echo 'run ./dev stubs and commit'; exit 1; }"
      WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(python_stub${name}_is_committed PROPERTIES FIXTURES_REQUIRED python_stub${name})
  endif()
endfunction()
