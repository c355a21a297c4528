// Messages on a stream socket: a length, followed by that many bytes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <span>
#include <vector>

namespace freshframe::fleet {

using Message = std::vector<std::byte>;

inline constexpr std::size_t kMostMessage = 64U << 20;  // bytes; longer messages are refused

/// Splits a stream into messages. Throws process::ProtocolError for an invalid length.
class MessageReader {
 public:
  /// Appends received bytes.
  void add(std::span<const std::byte> bytes);
  /// The next complete message, valid until the next call; empty if it is not complete yet.
  [[nodiscard]] std::span<const std::byte> next();

 private:
  std::vector<std::byte> bytes_;
  std::size_t begin_ = 0;
};

/// Messages to be written. Not thread-safe.
class MessageQueue {
 public:
  /// `message` must begin with room for its length, see begin_message().
  void add(std::shared_ptr<const Message> message);
  [[nodiscard]] bool empty() const noexcept { return messages_.empty(); }
  [[nodiscard]] std::size_t size_bytes() const noexcept { return size_bytes_; }
  /// Writes as much as possible without blocking. Returns false if the other end is closed.
  [[nodiscard]] bool write_to(int socket);

 private:
  std::deque<std::shared_ptr<const Message>> messages_;
  std::size_t written_ = 0;  // bytes of the first message already written
  std::size_t size_bytes_ = 0;
};

/// Writes the length into the first four bytes, which begin_message() has reserved.
[[nodiscard]] std::shared_ptr<const Message> finish_message(Message message);

}  // namespace freshframe::fleet
