// Waits for sockets, a stop, and the closing of the camera's gate, in one poll().
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <memory>
#include <stop_token>
#include <utility>
#include <vector>

#include "core/session_gate.hpp"
#include "core/stop_event.hpp"
#include <poll.h>

namespace freshframe::media::rtsp {

/// One thread at a time. Deadlines are in real time.
class Waiter {
 public:
  /// `gate`: null: there is none.
  Waiter(const std::stop_token& stop, std::shared_ptr<const core::SessionGate> gate)
      : stop_(stop), stopped_(stop), gate_(std::move(gate)) {}

  /// Returns false if the deadline has passed. Throws Fault after a stop, and when the gate is closed.
  [[nodiscard]] bool wait(std::vector<pollfd>& sockets, TimePoint deadline);
  /// Waits without a Fault: returns false also after a stop.
  [[nodiscard]] bool wait_or_stop(std::vector<pollfd>& sockets, TimePoint deadline) const;
  /// Waits whether or not there was a stop.
  [[nodiscard]] static bool wait_anyway(std::vector<pollfd>& sockets, TimePoint deadline);
  /// Throws Fault after a stop, and when the gate is closed.
  void check() const;
  /// check() would throw.
  [[nodiscard]] bool is_over() const { return stop_.stop_requested() || (gate_ && !gate_->is_open()); }

 private:
  const std::stop_token stop_;
  const core::StopEvent stopped_;
  const std::shared_ptr<const core::SessionGate> gate_;
};

}  // namespace freshframe::media::rtsp
