// Learns which request keeps a camera's sessions alive, and schedules it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <algorithm>

namespace freshframe::media::rtsp {

/// Some cameras list GET_PARAMETER but do not accept it as a keep-alive; others require it but do not list
/// it. So if two sessions in a row end at their time limit, the next one uses the other request. A request
/// that has kept a session alive for longer is kept. Not thread-safe.
class KeepAlive {
 public:
  /// Returns true if the request differs from what the server's OPTIONS response suggests.
  [[nodiscard]] bool is_swapped() const noexcept { return swapped_; }

  /// Call when the server has ended a session or stopped sending. `lasted`: since PLAY. `timeout`: the
  /// server's limit.
  void note_end(Seconds lasted, Seconds timeout) noexcept {
    constexpr double kEarliest = 0.8;  // share of the time limit; an earlier end has another reason
    constexpr double kLatest = 1.8;    // allows for the server's interval between checks
    constexpr int kPatience = 2;
    if (lasted < kEarliest * timeout) return;  // ended for another reason
    deaths_ = lasted < kLatest * timeout ? deaths_ + 1 : 0;
    if (deaths_ < kPatience) return;
    deaths_ = 0;
    swapped_ = !swapped_;
  }

 private:
  bool swapped_ = false;
  int deaths_ = 0;  // number of sessions in a row that ended at the time limit
};

/// Sends requests after half of the server's time limit, so that they may be late. The server may count from
/// the last request that it accepted, so after an error the next one is sent immediately, and after further
/// errors, after an eighth of the limit. Not thread-safe.
class KeepAliveTimer {
 public:
  /// `now`: time of the last request before the first keep-alive.
  explicit KeepAliveTimer(TimePoint now) : last_(now) {}

  void note_sent(TimePoint now) noexcept {
    last_ = now;
    again_ = false;
  }
  /// Call when the server has responded to a keep-alive.
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
  bool refused_ = false;  // the last request was refused
  bool again_ = false;    // send the next request immediately
};

}  // namespace freshframe::media::rtsp
