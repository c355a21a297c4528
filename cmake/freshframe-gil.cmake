# The target freshframe::gil: #include "freshframe/gil.hpp" for any Python extension. It brings no Python headers of its
# own; whoever builds a module has those. Wants freshframe_INCLUDE_DIR.
# SPDX-License-Identifier: Apache-2.0
if(NOT TARGET freshframe::gil)
  add_library(freshframe::gil INTERFACE IMPORTED)
  target_include_directories(freshframe::gil INTERFACE ${freshframe_INCLUDE_DIR})
  target_compile_features(freshframe::gil INTERFACE cxx_std_20)
endif()
set(freshframe_gil_FOUND TRUE)
