// The findings of a GIL watch, as a dashboard and metrics show them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace freshframe {

/// A snapshot of the watch's counters. The watch never takes the GIL, so it also reports a current stall.
struct GilFindings {
  /// A call that held the GIL, with the sum of its stalls.
  struct Culprit {
    std::string native;   // "library:symbol"; empty means bytecode
    std::string python;   // "file:line:function"; empty means unknown
    std::string program;  // the nearest such line outside of installed packages; empty means unknown
    std::uint64_t count = 0;
    double total = 0;  // seconds, like the next two
    double max = 0;
    double p50 = 0;
  };
  /// One stall of the GIL.
  struct Stall {
    std::uint64_t id = 0;  // from 1
    double seconds = 0;
    std::string thread;
    std::string native;
    std::string python;
    std::string program;
  };
  bool watching = false;
  std::uint64_t stalls = 0;
  double stalled_total = 0;       // seconds in total
  std::optional<Stall> now;       // the current one; its id is 0
  std::vector<Culprit> culprits;  // the worst first
  std::vector<Stall> recent;      // the newest, oldest first
};

}  // namespace freshframe
