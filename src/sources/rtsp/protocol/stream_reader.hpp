// Takes apart what comes over an RTSP connection: messages, and packets between them (RFC 2326, 10.12).
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

/// The bytes are no RTSP.
class NotRtsp final : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// One packet. `bytes` is valid until the next call of the reader.
struct Interleaved {
  std::uint8_t channel = 0;
  std::span<const std::uint8_t> bytes;
};

/// A channel that SETUP has assigned.
struct Channel {
  std::uint8_t number = 0;
  std::optional<std::uint8_t> payload_type;  // payload type of RTP; nullopt means it carries RTCP
};

/// Some cameras send other bytes between packets and messages. They are skipped up to the next message, or to
/// a packet of an assigned channel that has the right version and payload type. One thread, no I/O. The memory is
/// bounded by the largest packet and the largest message.
class StreamReader {
 public:
  using Element = std::variant<Message, Interleaved>;

  void set_channels(std::vector<Channel> channels) { channels_ = std::move(channels); }

  /// Room for `size` bytes, to be filled and then given to add_filled().
  [[nodiscard]] std::span<std::uint8_t> room(std::size_t size);
  void add_filled(std::size_t size) { filled_ += size; }
  /// The next whole element; nullopt means more bytes are needed. Throws NotRtsp for a message that is too
  /// long, and after 64 KiB of other bytes in a row.
  [[nodiscard]] std::optional<Element> next();

  /// The bytes that were neither a message nor a packet.
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
  std::size_t looked_ = 0;          // bytes of the head that have no end yet
  std::optional<Message> pending_;  // waits for its body
  std::size_t body_size_ = 0;
  bool astray_ = false;  // among other bytes
  std::size_t skipped_in_row_ = 0;
  std::uint64_t skipped_ = 0;
};

}  // namespace freshframe::media::rtsp
