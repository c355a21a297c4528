// What a GIL watch has found, for the dashboard and metrics.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace freshframe {

/// A snapshot of the watch's counters. The watch never takes the GIL, so it can report a stall while it
/// lasts.
struct GilFindings {
  /// A call that held the GIL for too long, with the total of its stalls.
  struct Culprit {
    std::string native;   // "library:symbol"; empty for Python bytecode
    std::string python;   // "file:line:function"; empty if unknown
    std::string program;  // the innermost Python frame outside installed packages; empty if unknown
    std::uint64_t count = 0;
    double total = 0;  // seconds, as are the next two
    double max = 0;
    double p50 = 0;
  };
  /// A period in which one thread kept the GIL from others.
  struct Stall {
    std::uint64_t id = 0;
    double seconds = 0;
    std::string thread;
    std::string native;
    std::string python;
    std::string program;
  };
  bool watching = false;
  std::uint64_t stalls = 0;
  double stalled_total = 0;       // in seconds
  std::optional<Stall> now;       // the stall in progress, with id 0
  std::vector<Culprit> culprits;  // the worst first
  std::vector<Stall> recent;      // the most recent stalls, oldest first
};

}  // namespace freshframe
