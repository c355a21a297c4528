// Ends each picture of a transport stream with its last packet, where FFmpeg waits for the next picture.
// SPDX-License-Identifier: Apache-2.0
#include "media/network/filter/ts_filter.hpp"

#include <algorithm>
#include <utility>

namespace freshframe::media {

void TsFilter::add(Bytes bytes, TimePoint arrived, FilteredBytes& out) {
  part_.insert(part_.end(), bytes.begin(), bytes.end());
  Bytes rest(part_);
  while (rest.size() >= kTsPacketSize) {
    if (rest[0] == kTsSync && in_step_) {
      add_packet(rest.first(kTsPacketSize), arrived, out);
      rest = rest.subspan(kTsPacketSize);
      continue;
    }
    in_step_ = false;
    if (rest.size() == kTsPacketSize) break;  // the next byte decides
    in_step_ = rest[0] == kTsSync && rest[kTsPacketSize] == kTsSync;
    if (in_step_) continue;
    const auto next = std::find(rest.begin() + 1, rest.end(), kTsSync);
    const auto skipped = static_cast<std::size_t>(next - rest.begin());
    out.append(rest.first(skipped));
    rest = rest.subspan(skipped);
  }
  part_.erase(part_.begin(), part_.end() - static_cast<std::ptrdiff_t>(rest.size()));
  end_picture(out);
}

void TsFilter::end_early(std::optional<int> pid, FilteredBytes& out) {
  early_ = pid;
  end_picture(out);
}

bool TsFilter::believes_stuffing() const {
  const auto found = early_ ? videos_.find(*early_) : videos_.end();
  return found != videos_.end() && found->second.picture_ends.believes_markers();
}

void TsFilter::end_picture(FilteredBytes& out) {
  const auto found = early_ ? videos_.find(*early_) : videos_.end();
  if (found == videos_.end() || !std::exchange(found->second.ends, false)) return;
  out.append(ts_packet_that_ends({.pid = *early_, .counter = found->second.counter, .payload = {}}));
}

void TsFilter::finish(FilteredBytes& out) {
  out.append(part_);
  part_.clear();
}

void TsFilter::add_packet(Bytes bytes, TimePoint arrived, FilteredBytes& out) {
  const auto packet = parse_ts_packet(bytes);
  if (packet.scrambled) scrambled_.set(static_cast<std::size_t>(packet.pid));
  Video* video = packet.payload.empty() || packet.scrambled ? nullptr : video_of(packet);
  if (video == nullptr) return out.append(bytes);
  const bool follows = packet.counter == ((video->counter + 1) & 15);
  if (packet.pid == early_ && (packet.starts || !follows)) end_picture(out);
  video->ends = false;  // or the picture goes on
  // The demuxer marks a picture that is torn. It forgets a loss between two pictures, the first of which has
  // ended early.
  const bool repeats = packet.counter == video->counter;
  if (packet.pid == early_ && !video->open && !follows && !repeats) video->after_loss = true;
  if (packet.starts) out.begin_picture(arrived, std::exchange(video->after_loss, false));
  out.append(bytes);
  video->counter = packet.counter;
  // Where packets are lost after the end of a picture, another one has begun among them.
  if (packet.starts || (!video->open && !follows)) ++video->picture;
  video->open = true;
  const auto verdict =
      video->picture_ends.add({.timestamp = video->picture, .marker = packet.stuffed, .coded = true});
  if (!verdict.after) return;
  video->open = false;
  video->ends = true;
}

/// Returns null if the packet is of no video.
TsFilter::Video* TsFilter::video_of(const TsPacket& packet) {
  const auto found = videos_.find(packet.pid);
  if (found != videos_.end()) return &found->second;
  if (!packet.starts || !begins_video(packet.payload) || videos_.size() >= kMostVideos) return nullptr;
  return &videos_.try_emplace(packet.pid, Video{.picture_ends = PictureEnds(believed_)}).first->second;
}

}  // namespace freshframe::media
