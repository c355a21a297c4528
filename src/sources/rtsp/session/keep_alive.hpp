// Finds out which request keeps a camera's sessions alive.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

namespace freshframe::media::rtsp {

/// Some cameras name GET_PARAMETER and do not count it as a sign of life, others need it and do not name it.
/// So when two successive sessions have ended when their time limit was over, the next one is kept alive with the
/// other request. A request that has kept a session alive for longer is kept. One thread.
class KeepAlive {
 public:
  /// Whether the request is the other one than the server's answer to OPTIONS suggests.
  [[nodiscard]] bool is_swapped() const noexcept { return swapped_; }

  /// The server has ended a session, or has sent nothing any more, so long after PLAY. `timeout`: its limit.
  void note_end(Seconds lasted, Seconds timeout) noexcept {
    constexpr double kEarliest = 0.8;  // share of the limit
    constexpr double kLatest = 1.8;    // with the server's own interval between two checks
    constexpr int kPatience = 2;
    if (lasted < kEarliest * timeout) return;  // for another reason
    deaths_ = lasted < kLatest * timeout ? deaths_ + 1 : 0;
    if (deaths_ < kPatience) return;
    deaths_ = 0;
    swapped_ = !swapped_;
  }

 private:
  bool swapped_ = false;
  int deaths_ = 0;  // at the limit, in a row
};

}  // namespace freshframe::media::rtsp
