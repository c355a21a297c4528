// Splits the bytes of an RTSP connection into messages and interleaved packets (RFC 2326, 10.12).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <variant>
#include <vector>

#include "sources/rtsp/protocol/message.hpp"

namespace freshframe::media::rtsp {

/// Thrown if the bytes are not RTSP.
class NotRtsp final : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A packet. `bytes` is valid until the next call of the reader.
struct Interleaved {
  std::uint8_t channel = 0;
  std::span<const std::uint8_t> bytes;
};

/// A channel assigned by SETUP.
struct Channel {
  std::uint8_t number = 0;
  std::optional<std::uint8_t> payload_type;  // RTP payload type; nullopt for RTCP
};

/// Some cameras send other bytes between packets and messages. They are skipped until the next message, or a
/// packet of an assigned channel with the right version and payload type. Not thread-safe, no I/O. Memory is
/// bounded by the largest packet and message.
class StreamReader {
 public:
  using Element = std::variant<Message, Interleaved>;

  void set_channels(std::vector<Channel> channels) { channels_ = std::move(channels); }

  /// Returns space for `size` bytes, to be filled and then passed to add_filled().
  [[nodiscard]] std::span<std::uint8_t> room(std::size_t size);
  void add_filled(std::size_t size) { filled_ += size; }
  /// Returns the next complete element, or nullopt if more bytes are needed. Throws NotRtsp for a message
  /// that is too long, and after 64 KiB of other bytes in a row.
  [[nodiscard]] std::optional<Element> next();

  /// Bytes that belonged to neither a message nor a packet.
  [[nodiscard]] std::uint64_t skipped_count() const noexcept { return skipped_; }

  static constexpr std::size_t kLongestHead = 64U << 10U;
  static constexpr std::size_t kLongestBody = 1U << 20U;
  static constexpr std::size_t kMostSkipped = 64U << 10U;  // in a row

 private:
  enum class Sight { Packet, Head, Nothing, TooShort };

  [[nodiscard]] std::span<const std::uint8_t> rest() const {
    return std::span(buffer_).subspan(begin_, filled_ - begin_);
  }
  [[nodiscard]] Sight look() const;
  [[nodiscard]] Sight look_for_packet() const;
  [[nodiscard]] std::optional<Element> take_packet();
  [[nodiscard]] bool read_head();
  [[nodiscard]] std::optional<Element> take_body();
  void skip();

  std::vector<Channel> channels_;
  std::vector<std::uint8_t> buffer_;
  std::size_t begin_ = 0;
  std::size_t filled_ = 0;
  std::size_t looked_ = 0;          // bytes of the header already searched for its end
  std::optional<Message> pending_;  // waiting for its body
  std::size_t body_size_ = 0;
  bool astray_ = false;  // bytes are being skipped that belong to no message or packet
  std::size_t skipped_in_row_ = 0;
  std::uint64_t skipped_ = 0;
};

}  // namespace freshframe::media::rtsp
