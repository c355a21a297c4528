// Packets of RTP, and their order.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <vector>

namespace freshframe::media::rtsp {

// Packets of RTP (RFC 3550, section 5).

using Bytes = std::span<const std::uint8_t>;

struct RtpPacket {
  std::uint16_t sequence = 0;
  std::uint32_t timestamp = 0;
  std::uint32_t source = 0;  // SSRC
  std::uint8_t payload_type = 0;
  bool marker = false;
  Bytes payload;  // without padding; valid as long as the bytes that were parsed
};

/// Returns nullopt if it is no RTP, or its parts are longer than it is.
[[nodiscard]] std::optional<RtpPacket> parse_rtp(Bytes bytes) noexcept;
/// Writes the same packet with the shortest header, and another number, in place of `bytes`.
void write_plain_rtp(const RtpPacket& packet, std::uint16_t sequence, std::vector<std::uint8_t>& bytes);

/// Big-endian numbers. `at` is inside.
[[nodiscard]] inline std::uint16_t read_u16(Bytes bytes, std::size_t at) noexcept {
  return static_cast<std::uint16_t>(bytes[at] << 8U | bytes[at + 1]);
}
[[nodiscard]] inline std::uint32_t read_u32(Bytes bytes, std::size_t at) noexcept {
  return std::uint32_t{read_u16(bytes, at)} << 16U | read_u16(bytes, at + 2);
}
inline void append_u16(std::vector<std::uint8_t>& to, std::uint32_t value) {
  to.push_back(static_cast<std::uint8_t>(value >> 8U));
  to.push_back(static_cast<std::uint8_t>(value));
}
inline void append_u32(std::vector<std::uint8_t>& to, std::uint32_t value) {
  append_u16(to, value >> 16U);
  append_u16(to, value);
}

/// Over TCP nothing waits: packets come in order. Over UDP a packet after a gap waits for the missing ones:
/// at first 10 ms, up to 0.2 s if packets come later than that, and again less when they no longer do. One
/// thread, no I/O.
class PacketOrder {
 public:
  struct Ordered {
    std::vector<std::uint8_t> bytes;
    TimePoint arrived{};
    std::uint64_t lost = 0;  // packets before it that are missing; at least 1 where their number is not known
  };
  struct Counts {
    std::uint64_t received = 0;  // without duplicates
    std::uint64_t lost = 0;      // packets that have not come
    std::uint64_t late = 0;      // packets that came after that; they are not among the lost ones
  };

  explicit PacketOrder(bool waits) : waits_(waits) {}

  /// The packet with this number, of this source (SSRC), if take() would give it at once: it is taken without being
  /// kept, and this is its `lost`. nullopt means add() it.
  [[nodiscard]] std::optional<std::uint64_t> pass(std::uint16_t sequence, std::uint32_t source,
                                                  TimePoint now);
  /// A packet with this number, of this source (SSRC).
  void add(Bytes bytes, std::uint16_t sequence, std::uint32_t source, TimePoint now);
  /// The next packet in order; nullopt means none can be given yet.
  [[nodiscard]] std::optional<Ordered> take(TimePoint now);
  /// When take() gives up the missing ones; nullopt means nothing waits.
  [[nodiscard]] std::optional<TimePoint> due() const;

  [[nodiscard]] const Counts& counts() const noexcept { return counts_; }
  /// The highest number, with the number of times that it has wrapped in the upper half.
  [[nodiscard]] std::uint32_t highest() const noexcept { return static_cast<std::uint32_t>(highest_); }
  [[nodiscard]] std::optional<std::uint32_t> source() const noexcept { return source_; }

  static constexpr double kLeastWait = 0.01;  // seconds
  static constexpr double kLongestWait = 0.2;
  static constexpr std::size_t kMostHeld = 4096;  // packets: 45 Mbit/s for 0.2 s need 750

 private:
  struct Missing {
    std::int64_t number = 0;
    TimePoint since{};  // when the gap was seen
  };

  void begin_order(std::uint16_t sequence, std::uint32_t source);
  void note_old(std::int64_t number, TimePoint now);
  void give_up(std::int64_t until);
  void relax(TimePoint now);
  [[nodiscard]] bool is_at_limit() const;

  const bool waits_;
  double wait_ = kLeastWait;
  std::optional<std::uint32_t> source_;
  std::int64_t next_ = 0;  // the number that take() wants
  std::int64_t highest_ = 0;
  std::map<std::int64_t, Ordered> held_;
  std::size_t held_bytes_ = 0;
  TimePoint gap_since_{};
  std::uint64_t lost_ = 0;       // since the last packet was taken
  std::deque<Missing> missing_;  // the newest that were given up
  TimePoint relaxed_{};          // when the wait was last changed
  Counts counts_;
};

}  // namespace freshframe::media::rtsp
