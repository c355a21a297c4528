// One end of the socket between this process and a worker: whole messages, with file descriptors in one
// direction.
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

/// A SOCK_SEQPACKET socket: a message arrives completely or not at all, and a peer's death ends the stream.
/// One thread may send while another receives.
class Channel {
 public:
  static constexpr std::size_t kMostBytes = std::size_t{128} << 10;  // per message
  static constexpr std::size_t kMostDescriptors = 2;                 // per message

  enum class Wait : std::uint8_t { No, Yes };
  enum class Sent : std::uint8_t { Yes, Full, Gone };
  enum class Received : std::uint8_t { Message, Nothing, End };

  /// Unless `accepts_descriptors`, a message with descriptors is a ProtocolError.
  Channel(Descriptor socket, bool accepts_descriptors);

  /// Creates two connected sockets, both closed on exec.
  [[nodiscard]] static std::pair<Descriptor, Descriptor> make_pair();

  /// Returns Full if the peer has not read its messages, or the system is out of a resource.
  [[nodiscard]] Sent send(std::span<const std::byte> message, std::span<const int> descriptors = {},
                          Wait wait = Wait::No);
  /// Returns why the last send() returned Full, to follow "was killed: ".
  [[nodiscard]] std::string why_full() const;
  /// Receives the next message; bytes() and descriptors() are valid until the next call. Throws ProtocolError
  /// if a message is too long, or this process has no free descriptors for it.
  [[nodiscard]] Received receive(Wait wait);
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {buffer_.data(), size_}; }
  [[nodiscard]] std::vector<Descriptor>& descriptors() noexcept { return descriptors_; }

  /// Ends the stream after the last message. The peer can still answer.
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
