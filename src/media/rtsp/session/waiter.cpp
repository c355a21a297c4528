// Waits for sockets, a stop, and the closing of the camera's gate, in one poll().
// SPDX-License-Identifier: Apache-2.0
#include "media/rtsp/session/waiter.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "media/rtsp/protocol/fault.hpp"

namespace freshframe::media::rtsp {
namespace {

using Millis = std::chrono::milliseconds;

constexpr Millis kGateTurn{100};  // a gate has no descriptor
constexpr Millis kLongestTurn{60'000};

/// Whether a descriptor is ready. Ends early at a signal.
bool poll_until(std::vector<pollfd>& sockets, TimePoint deadline, Millis turn) {
  const auto left = std::chrono::ceil<Millis>(deadline - std::chrono::steady_clock::now());
  const auto time = std::clamp(left, Millis{0}, turn);
  return ::poll(sockets.data(), sockets.size(), static_cast<int>(time.count())) > 0;
}

}  // namespace

bool Waiter::wait(std::vector<pollfd>& sockets, TimePoint deadline) {
  sockets.push_back({stopped_.descriptor(), POLLIN, 0});
  bool ready = false;
  do {
    ready = poll_until(sockets, deadline, gate_ ? kGateTurn : kLongestTurn);
    check();
  } while (!ready && std::chrono::steady_clock::now() < deadline);
  sockets.pop_back();
  return ready;
}

bool Waiter::wait_anyway(std::vector<pollfd>& sockets, TimePoint deadline) {
  return poll_until(sockets, deadline, kLongestTurn);
}

void Waiter::check() const {
  if (stop_.stop_requested()) throw Fault(Trouble::Stopped, "stopped", ECANCELED);
  if (gate_ && !gate_->is_open()) throw Fault(Trouble::Stopped, "the gate is closed", ECANCELED);
}

}  // namespace freshframe::media::rtsp
