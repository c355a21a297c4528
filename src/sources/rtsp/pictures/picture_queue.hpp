// Passes frames from the thread that reads the network to the thread that decodes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>

#include "media/stream/packet_connection.hpp"
#include "sources/rtsp/pictures/picture_maker.hpp"

namespace freshframe::media::rtsp {

/// Bounded: if the decoder lags by more than a second, frames are dropped up to the newest keyframe, because
/// those in between refer to dropped ones. Without a keyframe, frames wait for up to 5 s or 32 MiB, because
/// the next one may be far away. Then all are dropped, and further ones up to a keyframe, or for 3 s, since a
/// stream may have none. A patient queue has only the limit of 32 MiB. One producer thread, one consumer
/// thread.
///
/// Note [On the way]: A frame that is only passed on need not wake the consumer. While the consumer waits
/// with an empty queue, its offer is called on the producer's thread. The consumer stays in take() until the
/// call returns, so the two never run at the same time.
class PictureQueue {
 public:
  /// Takes a frame. Returns false to leave it to the consumer.
  using Offer = std::function<bool(Picture& picture)>;

  /// `now`: on the clock of the frames' arrival times. Returns the number of dropped frames.
  std::uint64_t put(Picture picture, TimePoint now);
  /// Call if the consumer does not decode, so that frames may be of any age. Thread-safe.
  void set_patient(bool patient) noexcept { patient_.store(patient, std::memory_order_relaxed); }
  /// Call when no more frames follow. Waiting frames can still be taken; then `why` is thrown.
  void end_pictures(std::exception_ptr why);

  /// Returns nullopt if nothing arrived for the consumer by `deadline` (real time), or after a stop. Throws
  /// the reason for the end, or what `offer` threw. See Note [On the way].
  [[nodiscard]] std::optional<Picture> take(TimePoint deadline, const std::stop_token& stop,
                                            const Offer& offer = {});

  /// Call after the end. Returns what was not taken, including missing frames.
  [[nodiscard]] Unread clear();

  /// When the newest frame arrived, even if `offer` took it, in real time; nullopt before the first.
  [[nodiscard]] std::optional<TimePoint> newest() const;

  static constexpr Seconds kLongestWait{1};
  static constexpr Seconds kLongestWithoutKey{5};
  static constexpr std::size_t kMostBytes = 32U << 20U;
  static constexpr std::size_t kMostPictures = 4096;
  static constexpr Seconds kLongestForKey{3};  // less than any usual read_timeout

 private:
  /// What the next frame reports about frames dropped before it.
  struct Gap {
    std::uint64_t missing = 0;
    std::uint64_t dropped = 0;
  };

  void note_drop_locked(const Picture& picture);
  void tell_locked(Picture& picture);
  [[nodiscard]] bool has_key_locked() const;
  std::uint64_t drop_locked();
  [[nodiscard]] bool offer(Picture& picture, std::unique_lock<std::mutex>& lock);

  std::atomic<bool> patient_{false};
  mutable std::mutex mutex_;
  std::condition_variable changed_;  // condition_variable_any would wake the waiting thread twice
  std::deque<Picture> pictures_;     // guarded by mutex_
  Gap gap_;                          // guarded by mutex_
  std::size_t bytes_ = 0;            // guarded by mutex_
  bool waits_for_key_ = false;       // guarded by mutex_
  TimePoint waits_since_{};          // guarded by mutex_
  bool ended_ = false;               // guarded by mutex_
  std::optional<TimePoint> newest_;  // guarded by mutex_
  const Offer* offer_ = nullptr;     // guarded by mutex_; set by the consumer while it waits
  bool offering_ = false;            // guarded by mutex_
  std::exception_ptr why_;           // guarded by mutex_
};

}  // namespace freshframe::media::rtsp
