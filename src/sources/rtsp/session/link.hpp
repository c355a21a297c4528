// Non-blocking TCP connection to an RTSP server.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstdint>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/stop_event.hpp"
#include "platform/socket.hpp"
#include "platform/wait.hpp"
#include "sources/rtsp/protocol/stream_reader.hpp"

namespace freshframe::media::rtsp {

// Waits for sockets and for a stop at the same time.

/// Not thread-safe. Deadlines are in real time.
class Waiter {
 public:
  explicit Waiter(const std::stop_token& stop) : stop_(stop), stopped_(stop) {}

  /// Returns false after the deadline. Throws Fault after a stop.
  [[nodiscard]] bool wait(std::vector<platform::Awaited>& sockets, TimePoint deadline);
  /// Like wait(), but returns false after a stop instead of throwing.
  [[nodiscard]] bool wait_or_stop(std::vector<platform::Awaited>& sockets, TimePoint deadline) const;
  /// Like wait(), but ignores stops.
  [[nodiscard]] static bool wait_anyway(std::vector<platform::Awaited>& sockets, TimePoint deadline);
  /// Throws Fault after a stop.
  void check() const;
  /// Returns true if check() would throw.
  [[nodiscard]] bool is_over() const { return stop_.stop_requested(); }

 private:
  const std::stop_token stop_;
  const core::StopEvent stopped_;
};

/// Not thread-safe.
class Link {
 public:
  enum class Read {
    Some,  // some data; more may be available
    All,   // all data that has arrived
    Nothing,
    Closed
  };

  /// Tries the addresses one after the other, 0.25 s apart, and uses the first that accepts (RFC 8305).
  /// Throws Fault.
  Link(const std::vector<std::string>& addresses, int port, Waiter& waiter, TimePoint deadline);

  /// The address of the other end.
  [[nodiscard]] platform::Address peer() const noexcept { return socket_.peer(); }
  /// Reads once, up to 64 KiB. Throws Fault if the connection is broken.
  [[nodiscard]] Read read(StreamReader& reader) const;
  /// Queues bytes, to be sent as soon as the socket accepts them. Returns false if the queue is full because
  /// the server does not read.
  [[nodiscard]] bool queue(std::span<const std::uint8_t> bytes);
  /// Sends queued data as far as the socket accepts it. Throws Fault if the connection is broken.
  void flush();
  [[nodiscard]] bool has_waiting() const noexcept { return !waiting_.empty(); }
  /// Returns the socket events to wait for.
  [[nodiscard]] platform::Awaited interest() const noexcept {
    return {.descriptor = socket_.number(), .to_write = has_waiting()};
  }

 private:
  platform::Socket socket_;
  std::vector<std::uint8_t> waiting_;
};

}  // namespace freshframe::media::rtsp
