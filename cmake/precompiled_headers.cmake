# Compiles the headers that many files of a target include once for that target. Only headers of other libraries are among
# them, because an edit of one of ours would compile everything again. A build without this option finds a missing #include.
# SPDX-License-Identifier: Apache-2.0

set(FRESHFRAME_STANDARD_HEADERS <algorithm> <array> <atomic> <chrono> <cmath> <condition_variable> <cstdint> <deque>
  <functional> <map> <memory> <mutex> <optional> <span> <sstream> <stop_token> <string> <string_view> <system_error>
  <thread> <utility> <variant> <vector>)

# freshframe_precompile(TARGET [HEADERS...]) adds the standard library's headers and the given ones. Layers without headers of
# their own use what the lowest layer has compiled.
function(freshframe_precompile target)
  if(FRESHFRAME_PRECOMPILED_HEADERS)
    if(ARGN OR target STREQUAL freshframe_platform)
      target_precompile_headers(${target} PRIVATE ${FRESHFRAME_STANDARD_HEADERS} ${ARGN})
    else()
      target_precompile_headers(${target} REUSE_FROM freshframe_platform)
    endif()
    # g++ does not treat code from a precompiled header as a system header's, and has false alarms there.
    target_compile_options(${target} PRIVATE -Wno-array-bounds
      $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overread> $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow>
      $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_GREATER_EQUAL:$<CXX_COMPILER_VERSION>,13>>:-Wno-maybe-uninitialized>)
  endif()
endfunction()
