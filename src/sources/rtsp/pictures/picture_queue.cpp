// Passes frames from the thread that reads the network to the thread that decodes.
// SPDX-License-Identifier: Apache-2.0
#include "sources/rtsp/pictures/picture_queue.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace freshframe::media::rtsp {
namespace {

std::size_t count_bytes(const Picture& picture) {
  return static_cast<std::size_t>(picture.packet->size);
}

}  // namespace

std::uint64_t PictureQueue::put(Picture picture, TimePoint now) {
  std::unique_lock lock(mutex_);
  newest_ = std::chrono::steady_clock::now();
  if (waits_for_key_ && !picture.key && now - waits_since_ < kLongestForKey) {
    note_drop_locked(picture);
    return 1;
  }
  waits_for_key_ = false;
  tell_locked(picture);
  if (offer(picture, lock)) return 0;
  bytes_ += count_bytes(picture);
  pictures_.push_back(std::move(picture));
  const auto waited =
      patient_.load(std::memory_order_relaxed) ? Seconds(0) : Seconds(now - pictures_.front().arrived);
  const bool full = bytes_ > kMostBytes || pictures_.size() > kMostPictures || waited > kLongestWithoutKey;
  const bool drops = (full || (waited > kLongestWait && has_key_locked())) && pictures_.size() > 1;
  const auto dropped = drops ? drop_locked() : 0;
  if (waits_for_key_) waits_since_ = now;
  lock.unlock();
  changed_.notify_one();  // not under the lock, which the woken thread needs
  return dropped;
}

/// Offers the frame to the waiting consumer. Returns true if it was taken. Unlocks during the call.
bool PictureQueue::offer(Picture& picture, std::unique_lock<std::mutex>& lock) {
  if (offer_ == nullptr || !pictures_.empty()) return false;
  const auto& take_it = *offer_;
  offering_ = true;
  lock.unlock();
  bool taken = false;
  std::exception_ptr failure;
  try {
    taken = take_it(picture);
  } catch (...) {
    failure = std::current_exception();
  }
  lock.lock();
  offering_ = false;
  if (offer_ == nullptr) changed_.notify_one();  // the consumer's wait has ended in the meantime
  if (failure) std::rethrow_exception(failure);
  return taken;
}

/// Ignores the oldest frame.
bool PictureQueue::has_key_locked() const {
  return std::any_of(pictures_.begin() + 1, pictures_.end(), [](const Picture& one) { return one.key; });
}

/// Drops all frames before the newest keyframe, or all frames if there is no keyframe after the oldest.
std::uint64_t PictureQueue::drop_locked() {
  const auto last = pictures_.rend() - 1;
  const auto newest = std::find_if(pictures_.rbegin(), last, [](const Picture& one) { return one.key; });
  const auto keep = newest == last ? pictures_.end() : std::prev(newest.base());
  waits_for_key_ = newest == last;
  const auto dropped = static_cast<std::uint64_t>(keep - pictures_.begin());
  std::for_each(pictures_.begin(), keep, [this](const Picture& one) {
    bytes_ -= count_bytes(one);
    note_drop_locked(one);
  });
  pictures_.erase(pictures_.begin(), keep);
  if (!pictures_.empty()) tell_locked(pictures_.front());
  return dropped;
}

void PictureQueue::note_drop_locked(const Picture& picture) {
  gap_.missing += picture.missing;
  gap_.dropped += picture.dropped + 1;
}

void PictureQueue::tell_locked(Picture& picture) {
  const auto gap = std::exchange(gap_, {});
  picture.missing += gap.missing;
  picture.dropped += gap.dropped;
  if (gap.dropped > 0) picture.notes.after_loss = true;
}

void PictureQueue::end_pictures(std::exception_ptr why) {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  why_ = std::move(why);
  changed_.notify_one();
}

Unread PictureQueue::clear() {
  const std::lock_guard lock(mutex_);
  Unread unread{.lost = gap_.missing, .dropped = gap_.dropped};
  for (const auto& one : pictures_) {
    unread.lost += one.missing + 1;
    unread.dropped += one.dropped;
  }
  pictures_.clear();
  gap_ = {};
  bytes_ = 0;
  return unread;
}

std::optional<TimePoint> PictureQueue::newest() const {
  const std::lock_guard lock(mutex_);
  return newest_;
}

std::optional<Picture> PictureQueue::take(TimePoint deadline, const std::stop_token& stop,
                                          const Offer& offer) {
  const std::stop_callback on_stop(stop, [this] {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  });
  std::unique_lock lock(mutex_);
  offer_ = offer ? &offer : nullptr;
  changed_.wait_until(lock, deadline, [&] { return !pictures_.empty() || ended_ || stop.stop_requested(); });
  offer_ = nullptr;
  changed_.wait(lock, [this] { return !offering_; });
  if (stop.stop_requested()) return std::nullopt;
  if (!pictures_.empty()) {
    auto picture = std::move(pictures_.front());
    pictures_.pop_front();
    bytes_ -= count_bytes(picture);
    return picture;
  }
  if (!ended_) return std::nullopt;
  const auto why = why_;
  lock.unlock();
  std::rethrow_exception(why);
}

}  // namespace freshframe::media::rtsp
