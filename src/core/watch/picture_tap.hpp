// Gives access to a node's frames from outside the graph. Without a client it costs one load per sample.
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

/// A frame from a tap.
struct TappedPicture {
  Stamp stamp;
  Frame frame;
};

/// Belongs to one runner. When the client asks for a frame, the node's thread keeps the next one that it
/// sends and calls the hook; then nothing happens until the client asks again. So a tap holds at most one
/// frame, and only while it has a client. It also records whether the node has sent a newer frame. A client
/// can also follow all samples. Thread-safe.
class PictureTap {
 public:
  using Hook = std::function<void()>;
  using Follower = std::function<void(const AnySample&)>;

  /// `hook` is called on the node's thread, without a lock, when the tap keeps a frame. It must be fast and
  /// own the objects that it uses, because a call may still be running after disconnect() has returned.
  void connect(Hook hook) {
    const Lock lock(mutex_);
    hook_ = std::make_shared<const Hook>(std::move(hook));
  }
  /// Starts no new calls of the hook, and releases the kept frame.
  void disconnect() {
    std::shared_ptr<const Hook> hook;  // destroyed without the mutex, as are the next two
    std::shared_ptr<const Follower> follower;
    std::optional<TappedPicture> caught;
    const Lock lock(mutex_);
    hook.swap(hook_);
    follower.swap(follower_);
    followed_.store(false, std::memory_order_relaxed);
    asked_.store(false, std::memory_order_relaxed);
    caught.swap(caught_);
  }
  [[nodiscard]] bool is_connected() const {
    const Lock lock(mutex_);
    return hook_ != nullptr;
  }

  /// `follower` is called on the node's thread with each sample that it sends, under the same rules as the
  /// hook; empty: no follower.
  void follow(Follower follower) {
    const bool any = static_cast<bool>(follower);
    auto next = any ? std::make_shared<const Follower>(std::move(follower)) : nullptr;
    const Lock lock(mutex_);
    follower_.swap(next);  // the previous follower is destroyed without the mutex
    followed_.store(any, std::memory_order_relaxed);
  }

  /// Returns true if the node has sent a frame after the one that the tap last kept.
  [[nodiscard]] bool has_newer() const noexcept { return newer_.load(std::memory_order_relaxed); }

  void ask() noexcept { asked_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool is_asked() const noexcept { return asked_.load(std::memory_order_relaxed); }
  /// Withdraws the request, and releases a frame kept in the meantime.
  void cancel() {
    std::optional<TappedPicture> caught;  // destroyed without the mutex
    const Lock lock(mutex_);
    asked_.store(false, std::memory_order_relaxed);
    caught.swap(caught_);
    if (caught) newer_.store(true, std::memory_order_relaxed);
  }
  [[nodiscard]] std::optional<TappedPicture> take() {
    const Lock lock(mutex_);
    return std::exchange(caught_, std::nullopt);
  }

  /// Passes a frame that the node does not send to the follower only. Called on the node's thread.
  void tell(const Frame& picture) const {
    if (!followed_.load(std::memory_order_relaxed)) return;
    AnySample sample;
    sample.frame = picture;
    pass_on(sample);
  }
  /// Called on the node's thread with each sample that it sends. Samples without a frame are ignored.
  void offer(const AnySample& sample) {
    if (followed_.load(std::memory_order_relaxed)) pass_on(sample);
    if (!sample.frame) return;
    if (!is_asked()) {
      if (!has_newer()) newer_.store(true, std::memory_order_relaxed);
      return;
    }
    std::shared_ptr<const Hook> hook;
    {
      const Lock lock(mutex_);
      if (!hook_ || !asked_.exchange(false, std::memory_order_relaxed)) return;
      caught_ = TappedPicture{sample.stamp, sample.frame};
      newer_.store(false, std::memory_order_relaxed);
      hook = hook_;
    }
    expect_no_lock();
    (*hook)();
  }

 private:
  void pass_on(const AnySample& sample) const {
    std::shared_ptr<const Follower> follower;
    {
      const Lock lock(mutex_);
      follower = follower_;
    }
    expect_no_lock();
    if (follower) (*follower)(sample);
  }

  std::atomic<bool> asked_{false};
  std::atomic<bool> followed_{false};
  std::atomic<bool> newer_{false};
  mutable Mutex mutex_;
  std::shared_ptr<const Hook> hook_ FRESHFRAME_GUARDED_BY(mutex_);
  std::shared_ptr<const Follower> follower_ FRESHFRAME_GUARDED_BY(mutex_);
  std::optional<TappedPicture> caught_ FRESHFRAME_GUARDED_BY(mutex_);
};

}  // namespace freshframe::core
