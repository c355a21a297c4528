// Finds out which request keeps a camera's sessions alive, and when the next one is due.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <algorithm>

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

/// A request comes when half of the server's limit has passed, so that it may be late. The server may count from the last
/// request that it has accepted, so after an error the next one comes immediately, and after further errors, after an
/// eighth of the limit. Not thread-safe.
class KeepAliveTimer {
 public:
  /// `now`: of the last request before the first keep-alive.
  explicit KeepAliveTimer(TimePoint now) : last_(now) {}

  void note_sent(TimePoint now) noexcept {
    last_ = now;
    again_ = false;
  }
  /// The server has answered a keep-alive.
  void note_answer(bool is_error) noexcept {
    again_ = is_error && !refused_;
    refused_ = is_error;
  }
  [[nodiscard]] TimePoint due(Seconds timeout) const noexcept {
    constexpr Seconds kShortest{0.5};
    constexpr Seconds kLongest{30};
    const auto interval = std::clamp(timeout / 2, kShortest, kLongest);
    if (again_) return last_;
    return last_ + to_duration(refused_ ? interval / 4 : interval);
  }

 private:
  TimePoint last_;
  bool refused_ = false;  // the last one was
  bool again_ = false;    // the next one comes immediately
};

}  // namespace freshframe::media::rtsp
