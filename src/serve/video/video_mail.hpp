// The things that other threads hand over to the network's: results of nodes, and the signal that there is something.
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

/// Calls the network's thread, once for all rings before it has come. A hook of a node may still run when the server has
/// ended, so the bell belongs to both. Any thread.
class Bell {
 public:
  void ring() noexcept {
    if (rung_.exchange(true)) return;
    const Lock lock(mutex_);
    call();
  }
  /// Forgets that it was rung.
  void quiet() noexcept { rung_.store(false); }
  /// `answer` posts to the network's thread, soon if the bell was rung before. If it is empty, no thread answers from now on.
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

/// The results of one node, while a view is open. A node's thread puts, the network's takes.
class ResultMail {
 public:
  static constexpr std::size_t kMost = 256;  // the oldest go
  struct Result {
    Stamp stamp;
    ValueRef value;
    PictureSize size;  // size of the picture in which it was found
  };

  explicit ResultMail(std::shared_ptr<Bell> bell) : bell_(std::move(bell)) {}

  void put(const AnySample& sample) {
    if (!sample.value) makes_frames_.store(true, std::memory_order_relaxed);
    if (core::FrameAccess::is_moved(sample.frame)) moved_.store(true, std::memory_order_relaxed);
    if (!watched_.load(std::memory_order_relaxed) || !is_for_pages(sample.value)) return;
    Result oldest;  // destroyed without the mutex
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
  /// Whether a sample was a frame.
  [[nodiscard]] bool makes_frames() const noexcept { return makes_frames_.load(std::memory_order_relaxed); }
  /// The samples come from another source.
  void begin_again() noexcept { moved_.store(false, std::memory_order_relaxed); }
  /// Whether a picture of a sample was not the camera's own, or was turned by what it says itself.
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
