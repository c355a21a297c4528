// A descriptor that becomes readable when the pipeline stops, for waits in poll().
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <utility>

#include "platform/wake_up.hpp"

namespace freshframe::core {

/// A file descriptor that becomes readable when a stop is requested. Create and destroy it on one thread;
/// any thread may wait for it.
class StopEvent {
 public:
  /// Throws std::system_error if the system has no descriptor left.
  explicit StopEvent(std::stop_token stop) : callback_(std::move(stop), Set{&wake_up_}) {}
  StopEvent(const StopEvent&) = delete;
  StopEvent& operator=(const StopEvent&) = delete;

  [[nodiscard]] int descriptor() const noexcept { return wake_up_.fd(); }

 private:
  struct Set {
    platform::WakeUp* wake_up;
    void operator()() const noexcept { wake_up->set(); }
  };

  platform::WakeUp wake_up_;  // outlives callback_, which sets it
  std::stop_callback<Set> callback_;
};

}  // namespace freshframe::core
