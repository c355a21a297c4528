# Gives find_package(freshframe CONFIG) the targets freshframe::gil and freshframe::plugin_api, from the Python package or from a
# checkout. The C++ engine (freshframe::core, ::sources, ::vision) is another package of the same name: cmake --install BUILD --component cpp.
# SPDX-License-Identifier: Apache-2.0
get_filename_component(freshframe_INCLUDE_DIR ${CMAKE_CURRENT_LIST_DIR}/../include ABSOLUTE)
include(${CMAKE_CURRENT_LIST_DIR}/freshframe-gil.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/freshframe-plugin-api.cmake)

foreach(_freshframe_component IN LISTS freshframe_FIND_COMPONENTS)
  if(freshframe_FIND_REQUIRED_${_freshframe_component} AND NOT freshframe_${_freshframe_component}_FOUND)
    set(freshframe_FOUND FALSE)
    string(CONCAT freshframe_NOT_FOUND_MESSAGE "component '${_freshframe_component}' was asked for; the Python package brings 'gil' "
      "and 'plugin_api' alone. Install the C++ engine (cmake --install BUILD --component cpp --prefix PREFIX) and add PREFIX to "
      "CMAKE_PREFIX_PATH")
  endif()
endforeach()
unset(_freshframe_component)
