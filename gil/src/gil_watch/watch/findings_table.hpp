// The interface by which one extension module passes the watch's findings to another: plain C, since no C++
// type crosses modules.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace freshframe::gil {

/// Called back by FindingsTable::read(), before it returns; texts end with a zero byte and are "" when
/// unknown.
struct FindingsSink {
  void* context;
  void (*totals)(void* context, int watching, std::uint64_t stalls, double stalled);
  void (*culprit)(void* context, const char* native, const char* python, const char* program,
                  std::uint64_t count, const double* total_max_p50);
  /// A stall; `id` 0: the current one.
  void (*stall)(void* context, std::uint64_t id, double seconds, const char* thread, const char* native,
                const char* python, const char* program);
};

/// Lives as long as the process; read() never takes the GIL.
struct FindingsTable {
  void (*read)(const FindingsSink* sink);
};

/// The name of the capsule that carries the table; a change of either struct changes the number.
inline constexpr const char* kFindingsCapsule = "freshframe.gil.findings.2";

}  // namespace freshframe::gil
