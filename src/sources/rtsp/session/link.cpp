// Non-blocking TCP connection to an RTSP server.
// SPDX-License-Identifier: Apache-2.0
#include "sources/rtsp/session/link.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <iterator>
#include <utility>

#include "sources/rtsp/protocol/message.hpp"

namespace freshframe::media::rtsp {

// Waits for sockets and for a stop at the same time.

namespace {

using Nanos = std::chrono::nanoseconds;

constexpr Nanos kLongestTurn = std::chrono::minutes(1);

/// Returns true if a descriptor is ready. Returns early on a signal.
bool poll_until(std::vector<platform::Awaited>& sockets, TimePoint deadline, Nanos turn) {
  const auto left = std::chrono::duration_cast<Nanos>(deadline - std::chrono::steady_clock::now());
  return platform::wait_for_any(sockets, std::clamp(left, Nanos{0}, turn));
}

}  // namespace

bool Waiter::wait(std::vector<platform::Awaited>& sockets, TimePoint deadline) {
  sockets.push_back({.descriptor = stopped_.descriptor()});
  bool ready = false;
  do {
    ready = poll_until(sockets, deadline, kLongestTurn);
    check();
  } while (!ready && std::chrono::steady_clock::now() < deadline);
  sockets.pop_back();
  return ready;
}

bool Waiter::wait_or_stop(std::vector<platform::Awaited>& sockets, TimePoint deadline) const {
  sockets.push_back({.descriptor = stopped_.descriptor()});
  bool ready = false;
  while (!ready && !is_over() && std::chrono::steady_clock::now() < deadline) {
    ready = poll_until(sockets, deadline, kLongestTurn);
  }
  sockets.pop_back();
  return ready && !is_over();
}

bool Waiter::wait_anyway(std::vector<platform::Awaited>& sockets, TimePoint deadline) {
  return poll_until(sockets, deadline, kLongestTurn);
}

void Waiter::check() const {
  if (stop_.stop_requested()) throw Fault(Trouble::Stopped, "stopped", ECANCELED);
}

namespace {

using platform::Socket;
using Steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kNextAddress{
    250};  // milliseconds; the Connection Attempt Delay of RFC 8305, section 5
constexpr std::size_t kPiece = 64U << 10U;
constexpr std::size_t kMostWaiting = 256U << 10U;

/// Starts connecting to a numeric address. If that fails immediately, sets `error` to the errno.
Socket begin_connecting(const std::string& text, int port, int& error) {
  const auto address = platform::Address::numeric(text, port);
  if (address) return Socket::connecting(*address, error);
  error = EHOSTUNREACH;
  return {};
}

/// Removes failed attempts. Returns the first connected socket, or a closed one.
Socket take_connected(std::vector<Socket>& attempts, const std::vector<platform::Awaited>& seen, int& error) {
  for (std::size_t i = seen.size(); i-- > 0;) {
    if (!seen[i].is_ready) continue;
    const int result = attempts[i].connect_error();
    if (result == 0) return std::move(attempts[i]);
    error = result;
    attempts.erase(attempts.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return {};
}

}  // namespace

Link::Link(const std::vector<std::string>& addresses, int port, Waiter& waiter, TimePoint deadline) {
  std::vector<Socket> attempts;
  std::size_t next = 0;
  int error = EHOSTUNREACH;
  while (next < addresses.size() || !attempts.empty()) {
    if (next < addresses.size()) {
      auto socket = begin_connecting(addresses[next++], port, error);
      if (!socket.is_open()) continue;
      attempts.push_back(std::move(socket));
    }
    std::vector<platform::Awaited> sockets;
    std::ranges::transform(attempts, std::back_inserter(sockets), [](const Socket& one) {
      return platform::Awaited{.descriptor = one.number(), .to_read = false, .to_write = true};
    });
    const auto until = next < addresses.size() ? std::min(deadline, Steady::now() + kNextAddress) : deadline;
    if (waiter.wait(sockets, until)) socket_ = take_connected(attempts, sockets, error);
    if (socket_.is_open()) return;
    if (Steady::now() >= deadline) throw Fault(Trouble::Late, "it does not answer", ETIMEDOUT);
  }
  throw Fault(Trouble::Unreachable, errno_text(error), error);
}

Link::Read Link::read(StreamReader& reader) const {
  const auto room = reader.room(kPiece);
  const auto got = socket_.receive(room);
  if (got.error != 0) throw Fault(Trouble::Lost, errno_text(got.error), got.error);
  if (got.would_block) return Read::Nothing;
  if (got.bytes == 0) return Read::Closed;
  reader.add_filled(got.bytes);
  return got.bytes < room.size() ? Read::All : Read::Some;
}

bool Link::queue(std::span<const std::uint8_t> bytes) {
  if (waiting_.size() + bytes.size() > kMostWaiting) return false;
  waiting_.insert(waiting_.end(), bytes.begin(), bytes.end());
  return true;
}

void Link::flush() {
  while (!waiting_.empty()) {
    const auto sent = socket_.send(waiting_);
    if (sent.error != 0) throw Fault(Trouble::Lost, errno_text(sent.error), sent.error);
    if (sent.would_block) return;
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(sent.bytes));
  }
}

}  // namespace freshframe::media::rtsp
