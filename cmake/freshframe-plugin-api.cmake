# Makes the target freshframe::plugin_api, with which a shared library of native nodes can include "freshframe/plugin.hpp". It
# needs neither Python nor a library. The file needs freshframe_INCLUDE_DIR.
# SPDX-License-Identifier: Apache-2.0
if(NOT TARGET freshframe::plugin_api)
  add_library(freshframe::plugin_api INTERFACE IMPORTED)
  target_include_directories(freshframe::plugin_api INTERFACE ${freshframe_INCLUDE_DIR})
  target_compile_features(freshframe::plugin_api INTERFACE cxx_std_17)
endif()
set(freshframe_plugin_api_FOUND TRUE)
