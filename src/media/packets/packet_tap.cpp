// Passes packets from a source's thread to the node that emits them.
// SPDX-License-Identifier: Apache-2.0
#include "media/packets/packet_tap.hpp"

#include <utility>

namespace freshframe::media {

bool PacketTap::is_full(const Packet& next) const {
  if (packets_.empty()) return false;
  return bytes_ + next.data.size() > kMostBytes || next.dts - packets_.front().packet.dts > kMostSeconds;
}

void PacketTap::put(PacketCompletion::Completed item) {
  if (keep(std::move(item))) changed_.notify_one();  // not under the lock, which the woken thread needs
}

/// Returns false if the packet is dropped.
bool PacketTap::keep(PacketCompletion::Completed item) {
  const Lock lock(mutex_);
  if (closed_) return false;
  if (is_full(item.packet)) {
    dropped_ += packets_.size();
    packets_.clear();
    bytes_ = 0;
    waits_for_key_ = true;
  }
  waits_for_key_ = waits_for_key_ && !item.packet.is_keyframe;
  if (waits_for_key_) {
    ++dropped_;
    return false;
  }
  bytes_ += item.packet.data.size();
  packets_.push_back(std::move(item));
  return true;
}

void PacketTap::close() {
  const Lock lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

void PacketTap::leave() {
  const Lock lock(mutex_);
  closed_ = left_ = true;
  packets_.clear();
  bytes_ = 0;
}

std::optional<PacketCompletion::Completed> PacketTap::take(const std::stop_token& stop) {
  const std::stop_callback on_stop(stop, [this] {
    const Lock lock(mutex_);
    changed_.notify_all();
  });
  const Lock lock(mutex_);
  changed_.wait(mutex_, [&]() FRESHFRAME_THREAD_SAFETY(no_thread_safety_analysis) {
    return closed_ || !packets_.empty() || stop.stop_requested();
  });
  if (packets_.empty() || stop.stop_requested()) return std::nullopt;
  auto first = std::move(packets_.front());
  packets_.pop_front();
  bytes_ -= first.packet.data.size();
  return first;
}

std::uint64_t PacketTap::take_dropped() {
  const Lock lock(mutex_);
  return std::exchange(dropped_, 0);
}

}  // namespace freshframe::media
