// Parses RTP packets and puts them in order.
// SPDX-License-Identifier: Apache-2.0
#include "sources/rtsp/packets/packet_order.hpp"

#include <algorithm>
#include <utility>

namespace freshframe::media::rtsp {

// Parses RTP packets (RFC 3550, section 5).

namespace {

constexpr std::size_t kRtpHeader = 12;
constexpr unsigned kPadding = 0x20;
constexpr unsigned kExtension = 0x10;
constexpr unsigned kMarker = 0x80;

}  // namespace

std::optional<RtpPacket> parse_rtp(Bytes bytes) noexcept {
  if (bytes.size() < kRtpHeader || bytes[0] >> 6U != 2) return std::nullopt;
  std::size_t begin = kRtpHeader + std::size_t{4} * (bytes[0] & 15U);  // CSRC list
  if ((bytes[0] & kExtension) != 0) {
    if (bytes.size() < begin + 4) return std::nullopt;
    begin += 4 + std::size_t{4} * read_u16(bytes, begin + 2);
  }
  const std::size_t padding = (bytes[0] & kPadding) != 0 ? bytes.back() : 0;
  if (begin + padding > bytes.size()) return std::nullopt;
  return RtpPacket{.sequence = read_u16(bytes, 2),
                   .timestamp = read_u32(bytes, 4),
                   .source = read_u32(bytes, 8),
                   .payload_type = static_cast<std::uint8_t>(bytes[1] & 0x7FU),
                   .marker = (bytes[1] & kMarker) != 0,
                   .payload = bytes.subspan(begin, bytes.size() - begin - padding)};
}

void write_plain_rtp(const RtpPacket& packet, std::uint16_t sequence, std::vector<std::uint8_t>& bytes) {
  bytes.clear();
  bytes.reserve(kRtpHeader + packet.payload.size());
  bytes.push_back(0x80);
  bytes.push_back(static_cast<std::uint8_t>((packet.marker ? kMarker : 0U) | packet.payload_type));
  append_u16(bytes, sequence);
  append_u32(bytes, packet.timestamp);
  append_u32(bytes, packet.source);
  bytes.insert(bytes.end(), packet.payload.begin(), packet.payload.end());
}

namespace {

// RFC 3550, A.1: a larger step means that the sender restarted, not that packets were lost.
constexpr int kMaxDropout = 3000;
constexpr int kMaxMisorder = 100;
constexpr int kSequences = 1 << 16;

constexpr std::size_t kMostMissing = 4096;
constexpr std::size_t kMostHeldBytes = 8U << 20U;
constexpr double kSpare = 1.25;     // factor applied to the observed delay
constexpr Seconds kRelaxAfter{30};  // the wait is shortened after this time without a late packet

}  // namespace

std::optional<std::uint64_t> PacketOrder::pass(std::uint16_t sequence, std::uint32_t source, TimePoint now) {
  if (source_ != source || !held_.empty() || sequence != static_cast<std::uint16_t>(next_))
    return std::nullopt;
  relax(now);
  highest_ = std::max(highest_, next_);
  ++next_;
  ++counts_.received;
  return std::exchange(lost_, 0);
}

void PacketOrder::add(Bytes bytes, std::uint16_t sequence, std::uint32_t source, TimePoint now) {
  if (source_ != source) begin_order(sequence, source);
  auto step = static_cast<int>(static_cast<std::uint16_t>(sequence - static_cast<std::uint16_t>(next_)));
  if (step > kSequences - kMaxMisorder) step -= kSequences;
  if (step > kMaxDropout) {
    begin_order(sequence, source);
    lost_ = 1;
    step = 0;
  }
  const std::int64_t number = next_ + step;
  if (step < 0) return note_old(number, now);
  if (held_.empty()) gap_since_ = now;
  const auto [place, is_new] = held_.try_emplace(number);
  if (!is_new) return;
  place->second = Ordered{{bytes.begin(), bytes.end()}, now, 0};
  held_bytes_ += bytes.size();
  highest_ = std::max(highest_, number);
  ++counts_.received;
}

void PacketOrder::begin_order(std::uint16_t sequence, std::uint32_t source) {
  lost_ = source_.has_value() ? 1 : 0;
  source_ = source;
  next_ = highest_ = sequence;
  held_.clear();
  held_bytes_ = 0;
  missing_.clear();
}

/// Handles a packet that arrives after its turn: a duplicate, or one counted as lost.
void PacketOrder::note_old(std::int64_t number, TimePoint now) {
  const auto found = std::ranges::find(missing_, number, &Missing::number);
  if (found == missing_.end()) return;
  ++counts_.received;
  ++counts_.late;
  --counts_.lost;
  wait_ = std::clamp(kSpare * Seconds(now - found->since).count(), wait_, kLongestWait);
  relaxed_ = now;
  missing_.erase(found);
}

std::optional<PacketOrder::Ordered> PacketOrder::take(TimePoint now) {
  if (held_.empty()) return std::nullopt;
  const auto first = held_.begin();
  if (first->first != next_) {
    if (waits_ && now < *due() && !is_at_limit()) return std::nullopt;
    give_up(first->first);
  }
  relax(now);
  Ordered packet = std::move(first->second);
  packet.lost = std::exchange(lost_, 0);
  held_bytes_ -= packet.bytes.size();
  held_.erase(first);
  ++next_;
  if (!held_.empty() && held_.begin()->first != next_) gap_since_ = held_.begin()->second.arrived;
  return packet;
}

/// Counts the packets before `until` as lost.
void PacketOrder::give_up(std::int64_t until) {
  counts_.lost += static_cast<std::uint64_t>(until - next_);
  lost_ += static_cast<std::uint64_t>(until - next_);
  for (; next_ < until; ++next_) missing_.push_back({next_, gap_since_});
  while (missing_.size() > kMostMissing) missing_.pop_front();
}

void PacketOrder::relax(TimePoint now) {
  if (wait_ <= kLeastWait || now - relaxed_ < kRelaxAfter) return;
  wait_ = std::max(wait_ / 2, kLeastWait);
  relaxed_ = now;
}

bool PacketOrder::is_at_limit() const {
  return held_.size() >= kMostHeld || held_bytes_ >= kMostHeldBytes;
}

std::optional<TimePoint> PacketOrder::due() const {
  if (held_.empty()) return std::nullopt;
  if (held_.begin()->first == next_) return gap_since_;
  return gap_since_ + to_duration(Seconds(wait_));
}

}  // namespace freshframe::media::rtsp
