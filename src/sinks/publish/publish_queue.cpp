// The queue of packets that wait to be sent to a media server.
// SPDX-License-Identifier: Apache-2.0
#include "sinks/publish/publish_queue.hpp"

#include <utility>

namespace freshframe::media {

void PublishQueue::put(Packet packet, std::uint64_t run) {
  const Lock lock(mutex_);
  if (!keeps_) {
    ++dropped_.away;
    return;
  }
  waits_for_key_ = waits_for_key_ && !packet.is_keyframe;
  if (waits_for_key_) {
    ++(is_slow_ ? dropped_.slow : dropped_.away);
    return;
  }
  bytes_ += packet.data.size();
  items_.push_back({.packet = std::move(packet), .since = clock_.now(), .run = run});
  drop_old();
  changed_.notify_all();
}

void PublishQueue::drop_old() {
  if (items_.empty()) return;
  const auto oldest = clock_.now() - max_wait_;
  if (items_.front().since >= oldest && bytes_ <= kMostBytes) return;
  is_slow_ = connected_;
  for (std::size_t n = items_.size(); n-- > 1;) {
    if (items_[n].packet.is_keyframe && items_[n].since >= oldest) return drop_first(n);
  }
  drop_first(items_.size());
  waits_for_key_ = true;
}

void PublishQueue::drop_first(std::size_t count) {
  (connected_ ? dropped_.slow : dropped_.away) += count;
  for (; count > 0; --count) {
    bytes_ -= items_.front().packet.data.size();
    items_.pop_front();
  }
}

bool PublishQueue::wants_key() const {
  const Lock lock(mutex_);
  return waits_for_key_;
}

bool PublishQueue::drops_unconnected() {
  const Lock lock(mutex_);
  if (keeps_) return false;
  ++dropped_.away;
  return true;
}

PublishQueue::Dropped PublishQueue::count_drops() const {
  const Lock lock(mutex_);
  return dropped_;
}

void PublishQueue::begin_stream() {
  const Lock lock(mutex_);
  keeps_ = true;
  connected_ = false;
  is_slow_ = false;
  waits_for_key_ = items_.empty();
}

void PublishQueue::note_connection() {
  const Lock lock(mutex_);
  connected_ = true;
}

void PublishQueue::end_stream() {
  const Lock lock(mutex_);
  keeps_ = false;
  dropped_.away += items_.size();
  items_.clear();
  bytes_ = 0;
}

std::shared_ptr<const PacketStream> PublishQueue::stream(const std::stop_token& stop) {
  const std::stop_callback on_stop(stop, [this] {
    const Lock lock(mutex_);
    changed_.notify_all();
  });
  const Lock lock(mutex_);
  changed_.wait(mutex_, [&]() FRESHFRAME_THREAD_SAFETY(no_thread_safety_analysis) {
    return !items_.empty() || stop.stop_requested();
  });
  return stop.stop_requested() ? nullptr : items_.front().packet.stream;
}

std::optional<PublishQueue::Item> PublishQueue::take(const std::stop_token& stop) {
  const std::stop_callback on_stop(stop, [this] {
    const Lock lock(mutex_);
    changed_.notify_all();
  });
  const Lock lock(mutex_);
  for (;;) {
    changed_.wait(mutex_, [&]() FRESHFRAME_THREAD_SAFETY(no_thread_safety_analysis) {
      return !items_.empty() || stop.stop_requested();
    });
    if (stop.stop_requested()) return std::nullopt;
    drop_old();
    if (items_.empty()) continue;
    auto first = std::move(items_.front());
    items_.pop_front();
    bytes_ -= first.packet.data.size();
    return first;
  }
}

void PublishQueue::put_back(Item item) {
  const Lock lock(mutex_);
  bytes_ += item.packet.data.size();
  items_.push_front(std::move(item));
}

void PublishQueue::count_unsent() {
  const Lock lock(mutex_);
  ++dropped_.away;
}

}  // namespace freshframe::media
