// Waits for sockets, a stop, and the closing of the camera's gate, in one poll().
// SPDX-License-Identifier: Apache-2.0
#include "media/rtsp/session/waiter.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "media/rtsp/protocol/fault.hpp"

namespace freshframe::media::rtsp {
namespace {

using Nanos = std::chrono::nanoseconds;

constexpr Nanos kGateTurn = std::chrono::milliseconds(100);  // a gate has no descriptor
constexpr Nanos kLongestTurn = std::chrono::minutes(1);

/// Whether a descriptor is ready. Ends early at a signal. poll() itself would be up to 1 ms late.
bool poll_until(std::vector<pollfd>& sockets, TimePoint deadline, Nanos turn) {
  constexpr Nanos::rep kSecond = 1'000'000'000;
  const auto left = std::chrono::duration_cast<Nanos>(deadline - std::chrono::steady_clock::now());
  const auto time = std::clamp(left, Nanos{0}, turn).count();
  const timespec limit{.tv_sec = time / kSecond, .tv_nsec = time % kSecond};
  return ::ppoll(sockets.data(), sockets.size(), &limit, nullptr) > 0;
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

bool Waiter::wait_or_stop(std::vector<pollfd>& sockets, TimePoint deadline) const {
  sockets.push_back({stopped_.descriptor(), POLLIN, 0});
  bool ready = false;
  while (!ready && !is_over() && std::chrono::steady_clock::now() < deadline) {
    ready = poll_until(sockets, deadline, gate_ ? kGateTurn : kLongestTurn);
  }
  sockets.pop_back();
  return ready && !is_over();
}

bool Waiter::wait_anyway(std::vector<pollfd>& sockets, TimePoint deadline) {
  return poll_until(sockets, deadline, kLongestTurn);
}

void Waiter::check() const {
  if (stop_.stop_requested()) throw Fault(Trouble::Stopped, "stopped", ECANCELED);
  if (gate_ && !gate_->is_open()) throw Fault(Trouble::Stopped, "the gate is closed", ECANCELED);
}

}  // namespace freshframe::media::rtsp
