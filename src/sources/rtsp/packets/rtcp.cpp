// Parses sender reports, and writes receiver reports (RTCP: RFC 3550, section 6.4).
// SPDX-License-Identifier: Apache-2.0
#include "sources/rtsp/packets/rtcp.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

#include "platform/random.hpp"

namespace freshframe::media::rtsp {
namespace {

constexpr std::uint8_t kSenderReport = 200;
constexpr std::uint8_t kReceiverReport = 201;
constexpr std::uint8_t kSourceDescription = 202;
constexpr std::uint8_t kByeType = 203;
constexpr std::uint8_t kPayloadFeedback = 206;
constexpr std::uint8_t kPictureLoss = 1;        // FMT of a picture loss indication
constexpr std::uint8_t kCanonicalName = 1;      // SDES item CNAME
constexpr double kUnixEpoch = 2'208'988'800;    // seconds from 1900 to 1970 (RFC 868)
constexpr std::uint32_t kYear1968 = 1U << 31U;  // lower values are from a clock that was never set
constexpr double kTicksOfReport = 65536;        // units per second of the delay since the last sender report

/// Parses a packet that is long enough for a sender report.
SenderReport sender_report(Bytes packet) {
  SenderReport report{.source = read_u32(packet, 4),
                      .time = read_u32(packet, 10),
                      .timestamp = read_u32(packet, 16),
                      .wall_time = {}};
  const auto seconds = read_u32(packet, 8);
  if (seconds >= kYear1968) report.wall_time = seconds - kUnixEpoch + std::ldexp(read_u32(packet, 12), -32);
  return report;
}

std::uint32_t random_number() {
  std::uint32_t number = 1;
  static_cast<void>(platform::random_bytes(std::as_writable_bytes(std::span(&number, 1))));
  return number;
}

}  // namespace

ControlReport parse_rtcp(Bytes bytes) {
  constexpr std::size_t kHeader = 4;
  constexpr std::size_t kSenderSize = 28;
  ControlReport result;
  while (bytes.size() >= kHeader && bytes[0] >> 6U == 2) {
    const std::size_t size = kHeader + std::size_t{4} * read_u16(bytes, 2);
    if (size > bytes.size()) break;
    const auto packet = bytes.first(size);
    if (packet[1] == kSenderReport && size >= kSenderSize) result.sender = sender_report(packet);
    if (packet[1] == kByeType) {
      const std::size_t sources = packet[0] & 31U;
      for (std::size_t i = 0; i < sources && kHeader + 4 * i + 4 <= size; ++i) {
        result.goodbyes.push_back(read_u32(packet, kHeader + 4 * i));
      }
    }
    bytes = bytes.subspan(size);
  }
  return result;
}

Reception::Reception(int clock)
    : clock_(clock), own_source_(random_number()), name_("freshframe-" + platform::random_hex(8)) {}

void Reception::note_packet(std::uint32_t timestamp, TimePoint arrived) {
  constexpr double kWeight = 1.0 / 16;  // RFC 3550, appendix A.8
  constexpr double kJump = 10;          // seconds; a larger jump means that the sender's clock was set
  if (timestamp_) {
    const double sent = static_cast<std::int32_t>(timestamp - *timestamp_) / clock_;
    const double deviation = std::abs(Seconds(arrived - arrived_).count() - sent);
    if (deviation < kJump) jitter_ += kWeight * (deviation - jitter_);
  }
  timestamp_ = timestamp;
  arrived_ = arrived;
}

void Reception::note_report(const SenderReport& report, TimePoint arrived) {
  sender_ = report;
  sender_arrived_ = arrived;
}

std::vector<std::uint8_t> Reception::report(const PacketOrder& order, TimePoint now) {
  constexpr std::uint64_t kMostLost = 0x7FFFFF;
  const auto& counts = order.counts();
  const auto lost = counts.lost - std::min(counts.lost, reported_.lost);
  const auto expected = lost + counts.received - reported_.received;
  reported_ = counts;
  const auto fraction = expected > 0 ? std::min<std::uint64_t>(255, 256 * lost / expected) : 0;
  std::vector<std::uint8_t> bytes{0x81, kReceiverReport};
  append_u16(bytes, 7);  // length in 32-bit words, minus one
  append_u32(bytes, own_source_);
  append_u32(bytes, order.source().value_or(0));
  append_u32(bytes, static_cast<std::uint32_t>(fraction << 24U | std::min(counts.lost, kMostLost)));
  append_u32(bytes, order.highest());
  append_u32(bytes, static_cast<std::uint32_t>(std::min(jitter_ * clock_, 4294967295.0)));
  append_u32(bytes, sender_ ? sender_->time : 0);
  const double delay = sender_ ? Seconds(now - sender_arrived_).count() : 0.0;
  append_u32(bytes, static_cast<std::uint32_t>(std::clamp(delay, 0.0, 65535.0) * kTicksOfReport));
  // The name ends with at least one zero byte, and the items are padded to 32-bit words.
  const std::size_t words = (6 + name_.size()) / 4 + 1;
  bytes.push_back(0x81);
  bytes.push_back(kSourceDescription);
  append_u16(bytes, static_cast<std::uint32_t>(words));
  const std::size_t end = bytes.size() + 4 * words;
  append_u32(bytes, own_source_);
  bytes.push_back(kCanonicalName);
  bytes.push_back(static_cast<std::uint8_t>(name_.size()));
  bytes.insert(bytes.end(), name_.begin(), name_.end());
  bytes.resize(end);
  return bytes;
}

void Reception::append_loss(const PacketOrder& order, std::vector<std::uint8_t>& report) const {
  report.push_back(0x80 | kPictureLoss);
  report.push_back(kPayloadFeedback);
  append_u16(report, 2);  // length in 32-bit words, minus one
  append_u32(report, own_source_);
  append_u32(report, order.source().value_or(0));
}

}  // namespace freshframe::media::rtsp
