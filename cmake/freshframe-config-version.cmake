# Gives find_package(freshframe 0.1) the version of a checkout. An installed package has a file with the number in it.
# SPDX-License-Identifier: Apache-2.0
file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/../CMakeLists.txt _freshframe_project REGEX "^project\\(freshframe VERSION ")
string(REGEX MATCH "([0-9]+\\.[0-9]+)\\.[0-9]+" PACKAGE_VERSION "${_freshframe_project}")
# Before 1.0 any minor version may break programs.
if(PACKAGE_FIND_VERSION VERSION_GREATER PACKAGE_VERSION OR
   NOT "${PACKAGE_FIND_VERSION_MAJOR}.${PACKAGE_FIND_VERSION_MINOR}" VERSION_EQUAL "${CMAKE_MATCH_1}")
  set(PACKAGE_VERSION_COMPATIBLE FALSE)
else()
  set(PACKAGE_VERSION_COMPATIBLE TRUE)
endif()
if(PACKAGE_FIND_VERSION STREQUAL PACKAGE_VERSION)
  set(PACKAGE_VERSION_EXACT TRUE)
endif()
