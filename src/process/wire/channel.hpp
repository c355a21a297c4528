// One end of the socket between this process and a worker: whole messages, and descriptors in one direction.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "process/wire/descriptor.hpp"

namespace freshframe::process {

/// A SOCK_SEQPACKET socket: a message arrives whole or not at all, and a peer's death is the end of the
/// stream. Sending and receiving may be done by two threads; each by one at a time.
class Channel {
 public:
  static constexpr std::size_t kMostBytes = std::size_t{128} << 10;  // size of one message
  static constexpr std::size_t kMostDescriptors = 2;                 // with one message

  enum class Wait : std::uint8_t { No, Yes };
  enum class Sent : std::uint8_t { Yes, Full, Gone };
  enum class Received : std::uint8_t { Message, Nothing, End };

  /// `accepts_descriptors`: else a message with one is a ProtocolError.
  Channel(Descriptor socket, bool accepts_descriptors);

  /// Two connected sockets, both closed by exec.
  [[nodiscard]] static std::pair<Descriptor, Descriptor> make_pair();

  /// Full: the peer has not read its messages, or the system is short of what a message needs.
  [[nodiscard]] Sent send(std::span<const std::byte> message, std::span<const int> descriptors = {},
                          Wait wait = Wait::No);
  /// Why the last send() was Full, for "was killed: ".
  [[nodiscard]] std::string why_full() const;
  /// The next message; bytes() and descriptors() are then its own, until the next call. Throws ProtocolError for a
  /// message that is too long, or if this process had no room for its descriptors.
  [[nodiscard]] Received receive(Wait wait);
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {buffer_.data(), size_}; }
  [[nodiscard]] std::vector<Descriptor>& descriptors() noexcept { return descriptors_; }

  /// The peer reads the end of the stream after the last message, and can still answer.
  void end_sending() noexcept;
  [[nodiscard]] int descriptor() const noexcept { return socket_.get(); }
  void close() noexcept { socket_.reset(); }

 private:
  Descriptor socket_;
  const bool accepts_descriptors_;
  int full_because_ = 0;  // errno
  std::vector<std::byte> buffer_;
  std::size_t size_ = 0;
  std::vector<Descriptor> descriptors_;
};

}  // namespace freshframe::process
