// Appends a packet to each segment of a playlist, so that FFmpeg's demuxer returns the segment's last frame.
// SPDX-License-Identifier: Apache-2.0
#include "sources/network/filter/segment_tails.hpp"

#include <algorithm>
#include <exception>

namespace freshframe::media {
namespace {

thread_local SegmentTails* tails_in_use = nullptr;

}  // namespace

void TsTail::add(Bytes bytes) {
  if (!is_ts_) return;
  part_.insert(part_.end(), bytes.begin(), bytes.end());
  Bytes rest(part_);
  for (; rest.size() >= kTsPacketSize && is_ts_; rest = rest.subspan(kTsPacketSize)) {
    is_ts_ = rest[0] == kTsSync;
    if (is_ts_) add_packet(parse_ts_packet(rest.first(kTsPacketSize)));
  }
  part_.erase(part_.begin(), part_.end() - static_cast<std::ptrdiff_t>(rest.size()));
}

void TsTail::add_packet(const TsPacket& packet) {
  if (packet.payload.empty() || packet.scrambled) return;
  if (packet.starts && begins_video(packet.payload) && !video_) video_ = packet.pid;
  if (begins_.size() < kMostStreams) begins_.try_emplace(packet.pid, packet.starts);
  if (packet.pid == video_) counter_ = packet.counter;
}

bool TsTail::goes_on(int pid) const {
  const auto found = begins_.find(pid);
  return found != begins_.end() && !found->second;
}

std::vector<std::uint8_t> TsTail::end() const {
  if (!is_ts_ || !video_ || !part_.empty()) return {};
  const auto packet = ts_packet_that_ends({.pid = *video_, .counter = counter_, .payload = {}});
  return {packet.begin(), packet.end()};
}

SegmentTails::Use::Use(SegmentTails& tails) : outer_(tails_in_use) {
  tails_in_use = &tails;
}

SegmentTails::Use::~Use() {
  tails_in_use = outer_;
}

void SegmentTails::watch(AVIOContext& io) {
  if (io.read_packet == nullptr || io.read_packet == &SegmentTails::read) return;
  if (segments_.size() >= kMostSegments) {
    segments_.erase(
        std::ranges::min_element(segments_, {}, [](const auto& each) { return each.second.number; }));
  }
  segments_[io.opaque] = Segment{.read = io.read_packet, .number = ++count_};
  io.read_packet = &SegmentTails::read;
}

int SegmentTails::read(void* opaque, std::uint8_t* to, int size) noexcept {
  if (tails_in_use == nullptr) return AVERROR_EXIT;
  auto& self = *tails_in_use;
  const auto found = self.segments_.find(opaque);
  if (found == self.segments_.end()) return AVERROR_EXIT;
  auto& segment = found->second;
  try {
    const int count = segment.is_over ? AVERROR_EOF : segment.read(opaque, to, size);
    if (count == 0 || count == AVERROR_EOF) return self.read_end(segment, to, size, count);
    if (count > 0) segment.tail.add({to, static_cast<std::size_t>(count)});
    return count;
  } catch (const std::exception&) {
    return AVERROR(ENOMEM);
  }
}

int SegmentTails::read_end(Segment& segment, std::uint8_t* to, int size, int result) {
  if (!segment.is_over) {
    segment.is_over = true;
    if (video_ && segment.tail.goes_on(*video_)) cuts_pictures_ = true;
    if (segment.tail.video()) video_ = segment.tail.video();
    if (!cuts_pictures_) segment.end = segment.tail.end();
  }
  const auto count = std::min(segment.end.size(), static_cast<std::size_t>(size));
  if (count == 0) return result;
  std::copy_n(segment.end.begin(), count, to);
  segment.end.erase(segment.end.begin(), segment.end.begin() + static_cast<std::ptrdiff_t>(count));
  return static_cast<int>(count);
}

}  // namespace freshframe::media
