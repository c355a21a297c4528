# Read by ctest: makes one test of each suite, which runs in one process, or divides all suites among the number of processes in
# FRESHFRAME_TEST_PROCESSES. A process spends 45 ms of processor time on loading FFmpeg's libraries: one for each of 426
# suites takes 19 s. ctest lists the suites and not the build: under TSan the program may need the way in which ./dev
# starts it.
# SPDX-License-Identifier: Apache-2.0
execute_process(COMMAND ${FRESHFRAME_TESTS_PROGRAM} --gtest_list_tests OUTPUT_VARIABLE listed RESULT_VARIABLE status TIMEOUT 600)
if(NOT status EQUAL 0)
  add_test(freshframe_tests_is_not_built_or_cannot_list_its_tests ${FRESHFRAME_TESTS_PROGRAM} --gtest_list_tests)
  return()
endif()
# The watchdog of a test is for a machine of its own; that of continuous integration may be busy with twenty other programs.
set(patience 8)
if(DEFINED ENV{FRESHFRAME_TEST_PATIENCE})
  set(patience $ENV{FRESHFRAME_TEST_PATIENCE})
endif()
# What the tier leaves out of each suite: TESTS of the lines `SUITE TESTS`.
set(tier "$ENV{FRESHFRAME_TEST_TIER}")
if(tier MATCHES "^(quick|default)$")
  execute_process(COMMAND ${FRESHFRAME_TESTS_PROGRAM} --gtest_list_tests
    COMMAND ${FRESHFRAME_TESTS_PYTHON} ${CMAKE_CURRENT_LIST_DIR}/../tiers.py ${tier} OUTPUT_VARIABLE chosen COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[^\n]+" lines "${chosen}")
  foreach(line IN LISTS lines)
    if(line MATCHES "^([^ ]+) (.+)$")
      set(left_out_${CMAKE_MATCH_1} "-${CMAKE_MATCH_2}")
    endif()
  endforeach()
endif()
string(REGEX REPLACE "[][;]" "_" listed "${listed}")  # a list of CMake gives them a meaning
string(REGEX MATCHALL "[^\n]+" lines "${listed}")
set(processes "$ENV{FRESHFRAME_TEST_PROCESSES}")
set(place 0)
foreach(line IN LISTS lines)
  if(line MATCHES "^([A-Za-z0-9_/]+)\\.")  # its tests follow, each behind two spaces
    set(suite ${CMAKE_MATCH_1})
    if(processes)
      math(EXPR group "${place} % ${processes}")
      math(EXPR place "${place} + 1")
      string(APPEND chosen_${group} ":${suite}.*")
      string(REPLACE "-" ":" left_out "${left_out_${suite}}")
      string(APPEND without_${group} "${left_out}")
    else()
      add_test(${suite} ${FRESHFRAME_TESTS_PROGRAM} --gtest_filter=${suite}.*${left_out_${suite}})
      list(APPEND names ${suite})
      if(suite MATCHES "/")
        set_tests_properties(${suite} PROPERTIES COST 10)  # once for each file or container: the longest begin first
      endif()
    endif()
  endif()
endforeach()
if(processes)
  foreach(group RANGE 1 ${processes})
    math(EXPR place "${group} - 1")
    if(chosen_${place})
      add_test(suites_${group} ${FRESHFRAME_TESTS_PROGRAM} --gtest_filter=${chosen_${place}}-${without_${place}})
      list(APPEND names suites_${group})
    endif()
  endforeach()
endif()
set_tests_properties(${names} PROPERTIES TIMEOUT 3600 ENVIRONMENT "FRESHFRAME_TEST_PATIENCE=${patience}")
