// A look at a node's pictures from outside the graph: it costs one load per sample when nobody looks.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"
#include "freshframe/sample.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace freshframe::core {

/// What a tap caught.
struct TappedPicture {
  Stamp stamp;
  Frame frame;
};

/// Belongs to one worker. The onlooker asks for a picture; the node's thread keeps the next one that it sends
/// and says so; then nothing happens until the onlooker asks again. So it holds at most one frame, and only
/// while somebody looks. Thread-safe.
class PictureTap {
 public:
  using Hook = std::function<void()>;

  /// `hook` is called on the node's thread, without a lock, when a picture was caught. It must be short, and
  /// it must own what it uses: a call may still run when disconnect() has returned.
  void connect(Hook hook) {
    const Lock lock(mutex_);
    hook_ = std::make_shared<const Hook>(std::move(hook));
  }
  /// No new call of the hook begins; a caught picture is released.
  void disconnect() {
    const Lock lock(mutex_);
    hook_.reset();
    asked_.store(false, std::memory_order_relaxed);
    caught_.reset();
  }
  [[nodiscard]] bool connected() const {
    const Lock lock(mutex_);
    return hook_ != nullptr;
  }

  void ask() noexcept { asked_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool asked() const noexcept { return asked_.load(std::memory_order_relaxed); }
  /// No longer; what was caught since is let go.
  void cancel() {
    const Lock lock(mutex_);
    asked_.store(false, std::memory_order_relaxed);
    caught_.reset();
  }
  [[nodiscard]] std::optional<TappedPicture> take() {
    const Lock lock(mutex_);
    return std::exchange(caught_, std::nullopt);
  }

  /// By the node's thread, with each sample that it sends. A sample without a frame is no picture.
  void offer(const AnySample& sample) {
    if (!asked() || !sample.frame) return;
    std::shared_ptr<const Hook> hook;
    {
      const Lock lock(mutex_);
      if (!hook_ || !asked_.exchange(false, std::memory_order_relaxed)) return;
      caught_ = TappedPicture{sample.stamp, sample.frame};
      hook = hook_;
    }
    (*hook)();
  }

 private:
  std::atomic<bool> asked_{false};
  mutable Mutex mutex_;
  std::shared_ptr<const Hook> hook_ FRESHFRAME_GUARDED_BY(mutex_);
  std::optional<TappedPicture> caught_ FRESHFRAME_GUARDED_BY(mutex_);
};

}  // namespace freshframe::core
