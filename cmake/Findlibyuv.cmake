# Finds libyuv, which ships no CMake or pkg-config file on most systems. Target: libyuv::libyuv.
find_path(LIBYUV_INCLUDE_DIR libyuv.h)
find_library(LIBYUV_LIBRARY yuv)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(libyuv REQUIRED_VARS LIBYUV_LIBRARY LIBYUV_INCLUDE_DIR)
if(libyuv_FOUND AND NOT TARGET libyuv::libyuv)
  add_library(libyuv::libyuv UNKNOWN IMPORTED)
  set_target_properties(libyuv::libyuv PROPERTIES
    IMPORTED_LOCATION ${LIBYUV_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${LIBYUV_INCLUDE_DIR})
endif()
mark_as_advanced(LIBYUV_INCLUDE_DIR LIBYUV_LIBRARY)
