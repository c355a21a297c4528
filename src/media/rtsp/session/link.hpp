// The TCP connection to an RTSP server: bytes, without waiting.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "media/rtsp/protocol/stream_reader.hpp"
#include "media/rtsp/session/waiter.hpp"
#include <sys/socket.h>
#include <unistd.h>

namespace freshframe::media::rtsp {

/// An open descriptor, which it closes.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int descriptor) noexcept : descriptor_(descriptor) {}
  Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

 private:
  int descriptor_ = -1;
};

/// One thread at a time.
class Link {
 public:
  enum class Read {
    Some,  // and more may be there
    All,   // that has come so far
    Nothing,
    Closed
  };

  /// Tries the addresses one after the other, 0.25 s apart, and takes the first that accepts (RFC 8305).
  /// Throws Fault.
  Link(const std::vector<std::string>& addresses, int port, Waiter& waiter, TimePoint deadline);

  [[nodiscard]] int descriptor() const noexcept { return socket_.descriptor(); }
  /// The address of the other end.
  [[nodiscard]] sockaddr_storage peer() const;
  /// Reads once, up to 64 KiB. Throws Fault when the connection is broken.
  [[nodiscard]] Read read(StreamReader& reader) const;
  /// To be sent as soon as the socket takes it. False: the server takes nothing, and too much waits already.
  bool queue(std::span<const std::uint8_t> bytes);
  /// Sends what waits, as far as the socket takes it. Throws Fault when the connection is broken.
  void flush();
  [[nodiscard]] bool has_waiting() const noexcept { return !waiting_.empty(); }
  /// What poll() has to look for.
  [[nodiscard]] pollfd interest() const noexcept;

 private:
  Socket socket_;
  std::vector<std::uint8_t> waiting_;
};

}  // namespace freshframe::media::rtsp
