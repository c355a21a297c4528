# Makes the target freshframe::gil, with which any Python extension can include "freshframe/gil.hpp". The target has no
# headers of Python, because the target of a module has them. The file needs freshframe_INCLUDE_DIR.
# SPDX-License-Identifier: Apache-2.0
if(NOT TARGET freshframe::gil)
  add_library(freshframe::gil INTERFACE IMPORTED)
  target_include_directories(freshframe::gil INTERFACE ${freshframe_INCLUDE_DIR})
  target_compile_features(freshframe::gil INTERFACE cxx_std_20)
endif()
set(freshframe_gil_FOUND TRUE)
