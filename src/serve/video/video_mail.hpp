// Passes data from other threads to the network thread: results of nodes, and a signal that there is
// something to read.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"
#include "freshframe/sample.hpp"

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "core/frame/frame_access.hpp"
#include "serve/video/results_json.hpp"

namespace freshframe::serve {

/// Wakes the network thread, once for all rings until it runs. Shared ownership, because a node's hook may
/// still run after the server has ended. Thread-safe.
class Bell {
 public:
  void ring() noexcept {
    if (rung_.exchange(true)) return;
    const Lock lock(mutex_);
    call();
  }
  /// Must be called by the network thread before it reads, so that later rings wake it again.
  void quiet() noexcept { rung_.store(false); }
  /// `answer` posts to the network thread; called immediately if the bell has already rung. An empty function
  /// disconnects the network thread.
  void answer_by(std::function<void()> answer) {
    const Lock lock(mutex_);
    answer_ = std::move(answer);
    if (rung_.load()) call();
  }

 private:
  void call() noexcept FRESHFRAME_REQUIRES(mutex_) {
    if (!answer_) return;
    try {
      answer_();
    } catch (...) {        // no memory for the post
      rung_.store(false);  // the next ring tries again
    }
  }

  std::atomic<bool> rung_{false};
  Mutex mutex_;
  std::function<void()> answer_ FRESHFRAME_GUARDED_BY(mutex_);
};

/// Results of one node while a view is open. Written by the node's thread, read by the network thread.
class ResultMail {
 public:
  static constexpr std::size_t kMost = 256;  // when full, the oldest is dropped
  struct Result {
    Stamp stamp;
    ValueRef value;
    PictureSize size;  // size of the image in which the objects were found
  };

  explicit ResultMail(std::shared_ptr<Bell> bell) : bell_(std::move(bell)) {}

  void put(const AnySample& sample) {
    if (!sample.value) makes_frames_.store(true, std::memory_order_relaxed);
    if (core::FrameAccess::is_moved(sample.frame)) moved_.store(true, std::memory_order_relaxed);
    if (!watched_.load(std::memory_order_relaxed) || !is_for_pages(sample.value)) return;
    Result oldest;  // destroyed after the mutex is released
    {
      const Lock lock(mutex_);
      if (results_.size() == kMost) {
        oldest = std::move(results_.front());
        results_.pop_front();
      }
      const auto& frame = sample.frame;
      const auto size = frame ? PictureSize{frame.width(), frame.height()} : PictureSize();
      results_.push_back({sample.stamp, sample.value, size});
    }
    bell_->ring();
  }
  void watch(bool watched) {
    watched_.store(watched, std::memory_order_relaxed);
    if (!watched) (void)take();
  }
  [[nodiscard]] std::deque<Result> take() {
    const Lock lock(mutex_);
    return std::exchange(results_, {});
  }
  /// Returns true if any sample was a frame.
  [[nodiscard]] bool makes_frames() const noexcept { return makes_frames_.load(std::memory_order_relaxed); }
  /// Must be called when the samples come from another source.
  void begin_again() noexcept { moved_.store(false, std::memory_order_relaxed); }
  /// Returns true if the image of any sample was changed from the camera's own, or rotated by its metadata.
  [[nodiscard]] bool has_moved() const noexcept { return moved_.load(std::memory_order_relaxed); }

 private:
  const std::shared_ptr<Bell> bell_;
  std::atomic<bool> watched_{false};
  std::atomic<bool> makes_frames_{false};
  std::atomic<bool> moved_{false};
  mutable Mutex mutex_;
  std::deque<Result> results_ FRESHFRAME_GUARDED_BY(mutex_);
};

}  // namespace freshframe::serve
