// Parses sender reports, and writes receiver reports (RTCP: RFC 3550, section 6.4).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sources/rtsp/packets/packet_order.hpp"

namespace freshframe::media::rtsp {

struct SenderReport {
  std::uint32_t source = 0;
  std::uint32_t time = 0;           // middle 32 bits of the NTP timestamp, which receiver reports repeat
  std::uint32_t timestamp = 0;      // RTP timestamp of the same moment
  std::optional<double> wall_time;  // Unix time in seconds; nullopt if the sender has no clock
};

struct ControlReport {
  std::optional<SenderReport> sender;
  std::vector<std::uint32_t> goodbyes;  // sources that sent BYE
};

/// Parses an RTCP packet. Ignores parts of unknown types.
[[nodiscard]] ControlReport parse_rtcp(Bytes bytes);

/// Reception statistics of one source. Not thread-safe.
class Reception {
 public:
  /// `clock`: RTP ticks per second.
  explicit Reception(int clock);

  void note_packet(std::uint32_t timestamp, TimePoint arrived);
  void note_report(const SenderReport& report, TimePoint arrived);
  /// Interarrival jitter in seconds (RFC 3550, section 6.4.1).
  [[nodiscard]] double jitter() const noexcept { return jitter_; }
  /// Returns a receiver report with the CNAME, as one packet (section 6.1).
  [[nodiscard]] std::vector<std::uint8_t> report(const PacketOrder& order, TimePoint now);
  /// Appends a picture loss indication to a report in the same packet (RFC 4585, section 6.3.1).
  void append_loss(const PacketOrder& order, std::vector<std::uint8_t>& report) const;

 private:
  const double clock_;
  const std::uint32_t own_source_;
  const std::string name_;
  double jitter_ = 0;
  std::optional<std::uint32_t> timestamp_;
  TimePoint arrived_{};
  std::optional<SenderReport> sender_;
  TimePoint sender_arrived_{};
  PacketOrder::Counts reported_;
};

}  // namespace freshframe::media::rtsp
