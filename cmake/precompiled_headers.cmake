# Headers that many files of a target include are compiled once for it. They are headers of others only: an edit of ours would
# otherwise compile everything again. Builds without this option show an #include that is missing.
# SPDX-License-Identifier: Apache-2.0

set(FRESHFRAME_STANDARD_HEADERS <algorithm> <array> <atomic> <chrono> <cmath> <condition_variable> <cstdint> <deque>
  <functional> <map> <memory> <mutex> <optional> <span> <sstream> <stop_token> <string> <string_view> <system_error>
  <thread> <utility> <variant> <vector>)

# freshframe_precompile(TARGET [HEADERS...]): the standard library's headers, and more.
function(freshframe_precompile target)
  if(FRESHFRAME_PRECOMPILED_HEADERS)
    target_precompile_headers(${target} PRIVATE ${FRESHFRAME_STANDARD_HEADERS} ${ARGN})
    # What g++ inlines from a precompiled header is no system header's to it, and has false alarms.
    target_compile_options(${target} PRIVATE -Wno-array-bounds
      $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overread> $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow>)
  endif()
endfunction()
