// The encoded packets of the last seconds.
// SPDX-License-Identifier: Apache-2.0
#include "sinks/recording/packet_ring.hpp"

#include <algorithm>
#include <new>

namespace freshframe::media {
void PacketRing::begin_stream(AVRational time_base) {
  packets_.clear();
  bytes_ = 0;
  newest_ = 0;
  time_base_ = time_base;
}

bool PacketRing::push(const AVPacket& packet) {
  AvPacketPtr kept(av_packet_clone(&packet));
  if (!kept) throw std::bad_alloc();
  newest_ = packets_.empty() ? packet.pts : std::max(newest_, packet.pts);
  bytes_ += static_cast<std::size_t>(packet.size);
  packets_.push_back(std::move(kept));
  const auto wanted = newest_ - static_cast<std::int64_t>(seconds_ / av_q2d(time_base_));
  bool enough = true;
  for (auto next = second_key(); next > 0; next = second_key()) {
    const bool too_old = packets_[next]->pts <= wanted;
    if (!too_old && bytes_ <= max_bytes_) break;
    enough = enough && too_old;
    drop_first(next);
  }
  return enough;
}

std::size_t PacketRing::drop_what_is_above() {
  if (packets_.empty() || (has_key() && bytes_ <= max_bytes_)) return 0;
  const auto count = packets_.size();
  drop_first(count);
  return count;
}

std::size_t PacketRing::second_key() const noexcept {
  for (std::size_t i = 1; i < packets_.size(); ++i) {
    if (is_key(*packets_[i])) return i;
  }
  return 0;
}

void PacketRing::drop_first(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    bytes_ -= static_cast<std::size_t>(packets_.front()->size);
    packets_.pop_front();
  }
}

const AVPacket* PacketRing::key_before(std::int64_t tick) const {
  const AVPacket* key = has_key() ? packets_.front().get() : nullptr;
  bool reached = true;  // whether a frame at or after `tick` depends on this keyframe
  for (const auto& packet : packets_) {
    if (is_key(*packet) && (packet->pts <= tick || !reached)) {
      key = packet.get();
      reached = false;
    }
    reached = reached || packet->pts >= tick;
  }
  return key;
}

bool PacketRing::visit_after(std::int64_t dts, const std::function<bool(const AVPacket&)>& visit) const {
  const auto next = std::partition_point(packets_.begin(), packets_.end(),
                                         [&](const AvPacketPtr& packet) { return packet->dts <= dts; });
  return std::all_of(next, packets_.end(), [&](const AvPacketPtr& packet) { return visit(*packet); });
}

double PacketRing::span() const noexcept {
  return packets_.empty() ? 0 : static_cast<double>(newest_ - packets_.front()->pts) * av_q2d(time_base_);
}

}  // namespace freshframe::media
