// The pictures between the thread that reads the network and the thread that decodes.
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

/// Bounded: when the decoder lags by more than a second, pictures are dropped up to the newest keyframe,
/// because the ones between refer to dropped pictures. Without a keyframe they wait for up to 5 s or
/// 32 MiB, because the next one may be far away. Then all are dropped, and the following ones up to a keyframe, or
/// for 3 s: a stream may have none. A patient queue has the bound of 32 MiB only. One thread puts, one takes.
///
/// Note [On the way]: a picture that is only handed on need not wake the taker for that. While it waits, and no
/// picture waits for it, its offer is made to the thread that puts. Until that returns the taker stays in take(),
/// so the two never run at the same time.
class PictureQueue {
 public:
  /// Takes a picture. Returns false if it leaves the picture to the taker.
  using Offer = std::function<bool(Picture& picture)>;

  /// `now`: by the clock of the pictures' arrivals. The number of pictures that were dropped.
  std::uint64_t put(Picture picture, TimePoint now);
  /// The taker decodes nothing: a picture may be of any age. Any thread.
  void set_patient(bool patient) noexcept { patient_.store(patient, std::memory_order_relaxed); }
  /// No picture follows; what waits can still be taken. `why` is thrown then.
  void end_pictures(std::exception_ptr why);

  /// Returns nullopt if nothing has come for the taker until the real time `deadline`, or after a stop.
  /// Throws the reason of the end, also what `offer` has thrown. See Note [On the way].
  [[nodiscard]] std::optional<Picture> take(TimePoint deadline, const std::stop_token& stop,
                                            const Offer& offer = {});

  /// After its end: the pictures that were not taken, with the missing ones before them.
  [[nodiscard]] Unread clear();

  /// When the newest picture was put in, even if it was taken on the way, in real time; nullopt means none
  /// was.
  [[nodiscard]] std::optional<TimePoint> newest() const;

  static constexpr Seconds kLongestWait{1};
  static constexpr Seconds kLongestWithoutKey{5};
  static constexpr std::size_t kMostBytes = 32U << 20U;
  static constexpr std::size_t kMostPictures = 4096;
  static constexpr Seconds kLongestForKey{3};  // less than any usual read_timeout

 private:
  /// The facts that the next picture carries about pictures dropped before it.
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
  std::condition_variable changed_;  // any lock's own would wake its waiter twice
  std::deque<Picture> pictures_;     // guarded by mutex_
  Gap gap_;                          // guarded by mutex_
  std::size_t bytes_ = 0;            // guarded by mutex_
  bool waits_for_key_ = false;       // guarded by mutex_
  TimePoint waits_since_{};          // guarded by mutex_
  bool ended_ = false;               // guarded by mutex_
  std::optional<TimePoint> newest_;  // guarded by mutex_
  const Offer* offer_ = nullptr;     // guarded by mutex_; of the taker, while it waits
  bool offering_ = false;            // guarded by mutex_
  std::exception_ptr why_;           // guarded by mutex_
};

}  // namespace freshframe::media::rtsp
