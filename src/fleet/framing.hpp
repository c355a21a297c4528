// Messages on a stream socket: a length, then as many bytes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <span>
#include <vector>

namespace freshframe::fleet {

using Message = std::vector<std::byte>;

inline constexpr std::size_t kMostMessage = 64U << 20;  // bytes; more is refused

/// Takes a stream apart. Throws process::ProtocolError on an impossible length.
class MessageReader {
 public:
  /// Appends received bytes.
  void add(std::span<const std::byte> bytes);
  /// The next whole message, valid until the next call; empty means that it is not complete yet.
  [[nodiscard]] std::span<const std::byte> next();

 private:
  std::vector<std::byte> bytes_;
  std::size_t begin_ = 0;
};

/// The messages that wait to be written. Not thread-safe.
class MessageQueue {
 public:
  /// `message` begins with room for its length: see begin_message().
  void add(std::shared_ptr<const Message> message);
  [[nodiscard]] bool empty() const noexcept { return messages_.empty(); }
  [[nodiscard]] std::size_t size_bytes() const noexcept { return size_bytes_; }
  /// Writes as much as the socket takes without waiting; false means the other end is closed.
  [[nodiscard]] bool write_to(int socket);

 private:
  std::deque<std::shared_ptr<const Message>> messages_;
  std::size_t written_ = 0;  // bytes written of the first one
  std::size_t size_bytes_ = 0;
};

/// Writes the length into its first four bytes, which must be there.
[[nodiscard]] std::shared_ptr<const Message> finish_message(Message message);

}  // namespace freshframe::fleet
