# How each target is compiled: the standard, what it shows to others, sanitizers, and false alarms of compilers.
# SPDX-License-Identifier: Apache-2.0

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
if(FRESHFRAME_SANITIZE)
  add_compile_options(-fsanitize=${FRESHFRAME_SANITIZE} -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=${FRESHFRAME_SANITIZE})
  add_compile_definitions(FRESHFRAME_CHECK_LOCKS)  # see freshframe/mutex.hpp
endif()

# False alarms of g++ 12: at -O3 at the sum of a literal and a std::string (GCC bug 105329), under sanitizers at
# Boost's optional.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  add_compile_options(-Wno-restrict -Wno-maybe-uninitialized)
endif()

# A joined file includes the others, and g++ takes what a file includes for a header. A local variable may have the name
# of a constant in another of the joined files.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  set(joined $<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:$<TARGET_PROPERTY:UNITY_BUILD>>>)
  add_compile_options($<${joined}:-Wno-subobject-linkage> $<${joined}:-Wno-shadow> $<${joined}:-Wshadow=local>)
endif()

if(FRESHFRAME_QUICKLY_COMPILED)
  add_compile_options(-O1)
endif()
