# Installs the C++ engine with its CMake package (component `cpp`), and what extensions need into the Python package
# (component `python`).
# SPDX-License-Identifier: Apache-2.0
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/freshframe)
foreach(layer IN LISTS FRESHFRAME_INSTALLED_LAYERS)
  install(TARGETS freshframe_${layer} EXPORT freshframe-targets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT cpp)
endforeach()
# The headers of gil/ are links in include/, so that a checkout has one folder for all headers.
install(DIRECTORY include/freshframe DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT cpp
  FILES_MATCHING PATTERN "*.hpp" PATTERN "*.h" REGEX "/include/freshframe/(gil|(gil|numeric)\\.hpp)$" EXCLUDE)
install(DIRECTORY gil/include/freshframe DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT cpp FILES_MATCHING PATTERN "*.hpp")
install(EXPORT freshframe-targets NAMESPACE freshframe:: DESTINATION ${package_dir} COMPONENT cpp)

configure_package_config_file(cmake/freshframe-cpp-config.cmake.in ${PROJECT_BINARY_DIR}/freshframe-config.cmake
  INSTALL_DESTINATION ${package_dir})
# Before 1.0 any minor version may break programs.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/freshframe-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/freshframe-config.cmake ${PROJECT_BINARY_DIR}/freshframe-config-version.cmake
  cmake/Findlibyuv.cmake cmake/freshframe-gil.cmake cmake/freshframe-plugin-api.cmake DESTINATION ${package_dir} COMPONENT cpp)

# freshframe.native.get_include() and freshframe.native.get_cmake_dir() return these two folders. In a checkout they return the sources'.
install(DIRECTORY include/freshframe DESTINATION freshframe/include COMPONENT python
  FILES_MATCHING REGEX "/(forks|plugin(/[a-z_]+)?)\\.hpp$|/abi\\.h$" REGEX "/include/freshframe/gil$" EXCLUDE)
install(DIRECTORY gil/include/freshframe DESTINATION freshframe/include COMPONENT python
  FILES_MATCHING REGEX "/gil(/[a-z_]+)?\\.hpp$")
install(FILES cmake/freshframe-config.cmake cmake/freshframe-gil.cmake cmake/freshframe-plugin-api.cmake
  DESTINATION freshframe/cmake COMPONENT python)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/python/freshframe-config-version.cmake
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES ${PROJECT_BINARY_DIR}/python/freshframe-config-version.cmake DESTINATION freshframe/cmake COMPONENT python)
