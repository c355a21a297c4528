// The TCP connection to an RTSP server: bytes, without waiting.
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

// Waits for sockets and a stop in one wait.

/// One thread at a time. Deadlines are in real time.
class Waiter {
 public:
  explicit Waiter(const std::stop_token& stop) : stop_(stop), stopped_(stop) {}

  /// Returns false if the deadline has passed. Throws Fault after a stop.
  [[nodiscard]] bool wait(std::vector<platform::Awaited>& sockets, TimePoint deadline);
  /// Waits without a Fault: returns false also after a stop.
  [[nodiscard]] bool wait_or_stop(std::vector<platform::Awaited>& sockets, TimePoint deadline) const;
  /// Waits whether or not there was a stop.
  [[nodiscard]] static bool wait_anyway(std::vector<platform::Awaited>& sockets, TimePoint deadline);
  /// Throws Fault after a stop.
  void check() const;
  /// check() would throw.
  [[nodiscard]] bool is_over() const { return stop_.stop_requested(); }

 private:
  const std::stop_token stop_;
  const core::StopEvent stopped_;
};

/// One thread at a time.
class Link {
 public:
  enum class Read {
    Some,  // some data, and more may be there
    All,   // all data that has come so far
    Nothing,
    Closed
  };

  /// Tries the addresses one after the other, 0.25 s apart, and takes the first that accepts (RFC 8305).
  /// Throws Fault.
  Link(const std::vector<std::string>& addresses, int port, Waiter& waiter, TimePoint deadline);

  /// The address of the other end.
  [[nodiscard]] platform::Address peer() const noexcept { return socket_.peer(); }
  /// Reads once, up to 64 KiB. Throws Fault when the connection is broken.
  [[nodiscard]] Read read(StreamReader& reader) const;
  /// To be sent as soon as the socket takes it. False means the server takes nothing, and too much waits
  /// already.
  [[nodiscard]] bool queue(std::span<const std::uint8_t> bytes);
  /// Sends as much of the waiting data as the socket takes. Throws Fault when the connection is broken.
  void flush();
  [[nodiscard]] bool has_waiting() const noexcept { return !waiting_.empty(); }
  /// Returns the events of the socket that a wait has to look for.
  [[nodiscard]] platform::Awaited interest() const noexcept {
    return {.descriptor = socket_.number(), .to_write = has_waiting()};
  }

 private:
  platform::Socket socket_;
  std::vector<std::uint8_t> waiting_;
};

}  // namespace freshframe::media::rtsp
