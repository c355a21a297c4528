// Parses RTP packets and puts them in order.
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

// Parses RTP packets (RFC 3550, section 5).

using Bytes = std::span<const std::uint8_t>;

struct RtpPacket {
  std::uint16_t sequence = 0;
  std::uint32_t timestamp = 0;
  std::uint32_t source = 0;  // SSRC
  std::uint8_t payload_type = 0;
  bool marker = false;
  Bytes payload;  // without padding; a view of the parsed bytes
};

/// Returns nullopt if it is not RTP, or is truncated.
[[nodiscard]] std::optional<RtpPacket> parse_rtp(Bytes bytes) noexcept;
/// Writes the packet into `bytes` with a minimal header and another sequence number.
void write_plain_rtp(const RtpPacket& packet, std::uint16_t sequence, std::vector<std::uint8_t>& bytes);

/// Reads big-endian numbers. `at` must be in range.
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

/// Over TCP packets arrive in order, and nothing waits. Over UDP a packet after a gap waits for the missing
/// ones: initially 10 ms, up to 0.2 s if packets arrive later than that, and less again when they no longer
/// do. Not thread-safe, no I/O.
class PacketOrder {
 public:
  struct Ordered {
    std::vector<std::uint8_t> bytes;
    TimePoint arrived{};
    std::uint64_t lost = 0;  // missing packets before this one; at least 1 if their number is unknown
  };
  struct Counts {
    std::uint64_t received = 0;  // without duplicates
    std::uint64_t lost = 0;      // packets that did not arrive
    // Packets that arrived after being counted as lost, and are no longer counted there.
    std::uint64_t late = 0;
  };

  explicit PacketOrder(bool waits) : waits_(waits) {}

  /// If the packet with this sequence number and SSRC is next in order, takes it without storing, and returns
  /// its `lost`. Otherwise returns nullopt: call add().
  [[nodiscard]] std::optional<std::uint64_t> pass(std::uint16_t sequence, std::uint32_t source,
                                                  TimePoint now);
  /// Stores a packet with this sequence number and SSRC.
  void add(Bytes bytes, std::uint16_t sequence, std::uint32_t source, TimePoint now);
  /// Returns the next packet in order, or nullopt if none is ready.
  [[nodiscard]] std::optional<Ordered> take(TimePoint now);
  /// Returns when take() stops waiting for missing packets; nullopt if nothing waits.
  [[nodiscard]] std::optional<TimePoint> due() const;

  [[nodiscard]] const Counts& counts() const noexcept { return counts_; }
  /// The highest sequence number, with the number of wraps in the upper 16 bits.
  [[nodiscard]] std::uint32_t highest() const noexcept { return static_cast<std::uint32_t>(highest_); }
  [[nodiscard]] std::optional<std::uint32_t> source() const noexcept { return source_; }

  static constexpr double kLeastWait = 0.01;  // seconds
  static constexpr double kLongestWait = 0.2;
  static constexpr std::size_t kMostHeld = 4096;  // packets; 0.2 s at 45 Mbit/s needs 750

 private:
  struct Missing {
    std::int64_t number = 0;
    TimePoint since{};  // when the gap was detected
  };

  void begin_order(std::uint16_t sequence, std::uint32_t source);
  void note_old(std::int64_t number, TimePoint now);
  void give_up(std::int64_t until);
  void relax(TimePoint now);
  [[nodiscard]] bool is_at_limit() const;

  const bool waits_;
  double wait_ = kLeastWait;
  std::optional<std::uint32_t> source_;
  std::int64_t next_ = 0;  // sequence number that take() returns next
  std::int64_t highest_ = 0;
  std::map<std::int64_t, Ordered> held_;
  std::size_t held_bytes_ = 0;
  TimePoint gap_since_{};
  std::uint64_t lost_ = 0;       // packets lost since the last packet was taken
  std::deque<Missing> missing_;  // the latest packets counted as lost
  TimePoint relaxed_{};          // when the wait was last changed
  Counts counts_;
};

}  // namespace freshframe::media::rtsp
