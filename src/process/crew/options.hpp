// The options of a node in worker processes, the recipe of a worker, the limit of deaths and the wait before a restart.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace freshframe::process {

struct CrewOptions {
  int workers = 1;
  bool ordered = true;
  std::optional<Seconds> timeout = {};  // for one sample, from sending to reply
  std::optional<std::uint64_t> memory =
      {};            // bytes of data of one worker; its results are limited to as many
  int restarts = 3;  // within restart_window, before the node fails
  Seconds restart_window{60};
  bool skips_errors = false;  // on_error is Skip
};

/// The data with which every worker of a node is started.
struct Recipe {
  std::vector<std::string> arguments;    // the program first
  std::vector<std::string> environment;  // "NAME=value"
  std::vector<std::byte> payload;        // the node, for the embedder's own code in the worker
  std::uint64_t knows = 0;               // the embedder's number of the definitions that its workers know
};

/// The deaths of a node's workers within a window.
class Deaths {
 public:
  Deaths(int most, Seconds window) : most_(static_cast<std::size_t>(most)), window_(to_duration(window)) {}

  /// Counts one; false: there were too many.
  bool count(TimePoint now) {
    times_.push_back(now);
    while (now - times_.front() > window_) times_.pop_front();
    return times_.size() <= most_;
  }
  [[nodiscard]] std::size_t in_window() const noexcept { return times_.size(); }

 private:
  std::size_t most_;
  TimePoint::duration window_;
  std::deque<TimePoint> times_;
};

/// Doubles with each death. A delivered result resets it.
class BackOff {
 public:
  [[nodiscard]] TimePoint::duration next() noexcept {
    const auto now = delay_;
    delay_ = std::min(2 * delay_, kLongest);
    return now;
  }
  void reset() noexcept { delay_ = kShortest; }

 private:
  static constexpr TimePoint::duration kShortest = std::chrono::milliseconds(100);
  static constexpr TimePoint::duration kLongest = std::chrono::seconds(5);
  TimePoint::duration delay_ = kShortest;
};

}  // namespace freshframe::process
