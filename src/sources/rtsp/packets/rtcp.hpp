// Reports about a stream: its sender's, and ours (RFC 3550, section 6.4).
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
  std::uint32_t time = 0;           // the middle half of the NTP timestamp, which our report repeats
  std::uint32_t timestamp = 0;      // timestamp of RTP, at the same moment
  std::optional<double> wall_time;  // Unix time in seconds; nullopt means the sender has no clock
};

struct ControlReport {
  std::optional<SenderReport> sender;
  std::vector<std::uint32_t> goodbyes;  // sources that have ended
};

/// One datagram of RTCP. Parts of unknown types are left out.
[[nodiscard]] ControlReport parse_rtcp(Bytes bytes);

/// The report of a receiver about one source. One thread.
class Reception {
 public:
  /// `clock`: ticks of RTP per second.
  explicit Reception(int clock);

  void note_packet(std::uint32_t timestamp, TimePoint arrived);
  void note_report(const SenderReport& report, TimePoint arrived);
  /// Mean deviation of the time between two packets, in seconds (RFC 3550, section 6.4.1).
  [[nodiscard]] double jitter() const noexcept { return jitter_; }
  /// A receiver report and the name of the sender, as one datagram (section 6.1).
  [[nodiscard]] std::vector<std::uint8_t> report(const PacketOrder& order, TimePoint now);
  /// Notifies the sender that pictures are lost, after a report in one datagram (RFC 4585, section 6.3.1).
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
