# Read by ctest: one test for each suite of the program, which is one process. A process for each of the 1,440 tests took
# 40 ms of two cores to load FFmpeg's libraries. Listed now and not in the build: under TSan the program may need ./dev's way of
# starting it.
# SPDX-License-Identifier: Apache-2.0
execute_process(COMMAND ${FRESHFRAME_TESTS_PROGRAM} --gtest_list_tests OUTPUT_VARIABLE listed RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${FRESHFRAME_TESTS_PROGRAM} could not list its tests (${status}); build it first")
endif()
string(REGEX MATCHALL "[^\n]+" lines "${listed}")
foreach(line IN LISTS lines)
  if(line MATCHES "^([A-Za-z0-9_/]+)\\.")  # its tests follow, each behind two spaces
    set(suite ${CMAKE_MATCH_1})
    add_test(${suite} ${FRESHFRAME_TESTS_PROGRAM} --gtest_filter=${suite}.*)
    set_tests_properties(${suite} PROPERTIES TIMEOUT 600)
    if(suite MATCHES "/")
      set_tests_properties(${suite} PROPERTIES COST 10)  # once for each file or container: the longest begin first
    endif()
  endif()
endforeach()
