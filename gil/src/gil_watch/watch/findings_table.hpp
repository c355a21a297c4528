// A plain C interface through which one extension module passes the watch's results to another, since C++
// types must not cross modules.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace freshframe::gil {

/// Callbacks for FindingsTable::read(). Strings are zero-terminated, and "" if unknown.
struct FindingsSink {
  void* context;
  void (*totals)(void* context, int watching, std::uint64_t stalls, double stalled);
  void (*culprit)(void* context, const char* native, const char* python, const char* program,
                  std::uint64_t count, const double* total_max_p50);
  /// A stall; `id` is 0 for the one in progress.
  void (*stall)(void* context, std::uint64_t id, double seconds, const char* thread, const char* native,
                const char* python, const char* program);
};

/// Valid until the process ends. read() never takes the GIL.
struct FindingsTable {
  void (*read)(const FindingsSink* sink);
};

/// The name of the capsule that contains the table. The number must change with either struct.
inline constexpr const char* kFindingsCapsule = "freshframe.gil.findings.2";

}  // namespace freshframe::gil
