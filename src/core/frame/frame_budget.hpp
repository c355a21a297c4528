// Limits the frames that a pipeline's engine holds, and the bytes on loan.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

namespace freshframe::core {

/// Thread-safe. Sources wait for room before they publish; see "Frames and memory" in
/// docs/reference/readers.md.
///
/// Note [Kept shares]
///
/// When an edge or node is removed, its share of the bound goes with it. But frames that it let pass may
/// still be held, by a node that keeps them or a reader that is not read, and they would use up the room of
/// the rest. So the removed share stays available while frames from before the removal are held, one place
/// per frame. Frames are counted in two generations: when the bound is lowered and no frames of the older
/// generation are left, a new generation starts.
class FrameBudget {
 public:
  void set_bound(int frames) noexcept;
  /// Adds room for more (or fewer) frames than the graph itself needs. Before giving room back, free its
  /// frames.
  void extend(int frames) noexcept;
  [[nodiscard]] int bound() const noexcept { return bound_.load() + extra_.load() + kept_count(); }
  [[nodiscard]] int published_count() const noexcept { return published_[0].load() + published_[1].load(); }
  [[nodiscard]] std::size_t held_bytes() const noexcept;

  /// Returns true if there is room for one more frame, on a GPU or not.
  [[nodiscard]] bool has_room(bool on_card) const noexcept {
    return published_count() < bound() && !(on_card && is_device_full());
  }
  /// Sets how many bytes frames may use on GPUs. Only the first call has an effect.
  void set_device_limit(std::size_t bytes) noexcept {
    std::size_t unknown = 0;
    static_cast<void>(device_limit_.compare_exchange_strong(unknown, bytes));
  }
  [[nodiscard]] std::size_t device_limit() const noexcept { return device_limit_.load(); }
  [[nodiscard]] std::size_t device_bytes() const noexcept { return device_bytes_.load(); }
  [[nodiscard]] bool is_device_full() const noexcept {
    const auto limit = device_limit();
    return limit > 0 && device_bytes() >= limit;
  }
  /// Adds a frame on a GPU. `limit` applies unless one was already set.
  void take_device(std::size_t bytes, std::size_t limit) noexcept {
    set_device_limit(limit);
    device_bytes_.fetch_add(bytes);
  }
  void give_device(std::size_t bytes) noexcept;
  /// Adds bytes on GPUs that are on loan.
  void charge_device(std::ptrdiff_t bytes) noexcept {
    held_device_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  }
  /// Waits until has_room(), stop(), or `stopped` (a node's own stop); returns has_room().
  bool wait_for_room(bool on_card, const std::stop_token& stopped = {});
  void stop() noexcept;

  /// Adds a possible holder of loans, such as "node 'x'". Returns its number; 0: there are too many.
  std::uint16_t add_holder(std::string name);
  /// Call when the holder gets no more loans. Its number is reused once its last loan is returned.
  void remove_holder(std::uint16_t holder);
  [[nodiscard]] bool knows(std::uint16_t holder) const noexcept {
    return holder > 0 && holder <= holders_.load(std::memory_order_acquire);
  }
  /// Counts `handles` more handles (negative: fewer) that the holder has on loan. `device_bytes` is the GPU
  /// memory behind each of them.
  void lend(std::uint16_t holder, int handles, std::size_t device_bytes) noexcept {
    auto& lent = get_lent(holder);
    lent.handles.fetch_add(handles, std::memory_order_relaxed);
    if (device_bytes > 0)
      lent.device_bytes.fetch_add(handles * static_cast<std::ptrdiff_t>(device_bytes),
                                  std::memory_order_relaxed);
  }
  /// Throws FramesHeldError if more than `limit` bytes are on loan and `holder` has the most handles, so that
  /// the other holders continue; above twice the limit, throws for every holder. On GPUs half of the limit
  /// applies, since sources need the other half, and only to holders with frames there.
  void check_held(std::uint16_t holder, std::size_t limit) const;

  /// Counts a frame. Returns its generation.
  std::uint8_t publish() noexcept {
    const auto generation = generation_.load(std::memory_order_relaxed);
    published_[generation].fetch_add(1);
    return generation;
  }
  void unpublish(std::uint8_t generation) noexcept;
  void charge(std::ptrdiff_t bytes) noexcept { held_bytes_.fetch_add(bytes, std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kChunk = 256;
  struct Lent {
    std::atomic<int> handles{0};
    std::atomic<std::ptrdiff_t> device_bytes{0};  // GPU memory, where a frame counts once for each handle
  };
  using LentChunk = std::array<Lent, kChunk>;  // per holder
  enum class Place : std::uint8_t { Host, Card };

  [[nodiscard]] Lent& get_lent(std::uint16_t holder) const noexcept {
    return (*lent_[(holder - 1U) / kChunk])[(holder - 1U) % kChunk];
  }
  /// Returns the number of handles of a holder, or its bytes on GPUs.
  [[nodiscard]] std::ptrdiff_t read_share(std::uint16_t holder, Place place) const noexcept {
    const auto& lent = get_lent(holder);
    return place == Place::Card ? lent.device_bytes.load(std::memory_order_relaxed)
                                : lent.handles.load(std::memory_order_relaxed);
  }
  /// See Note [Kept shares].
  [[nodiscard]] int kept_count() const noexcept {
    const int left = left_.load(std::memory_order_relaxed);
    return left == 0 ? 0 : std::min(left, published_[generation_.load() ^ 1U].load());
  }
  void wake_waiters() noexcept;
  void check_held(std::uint16_t holder, std::size_t held, std::size_t limit, Place place) const;
  void keep_share_locked(int frames) noexcept FRESHFRAME_REQUIRES(mutex_);
  [[nodiscard]] std::uint16_t greatest_holder(Place place) const noexcept;
  [[nodiscard]] std::string get_name(std::uint16_t holder) const;

  // Each chunk is created before `holders_` reaches it, and never moved.
  std::array<std::unique_ptr<LentChunk>, 256> lent_;
  std::atomic<std::uint16_t> holders_{0};
  std::atomic<int> bound_{1 << 30};
  std::atomic<int> extra_{0};
  std::array<std::atomic<int>, 2> published_{};  // by generation
  // The generation of new frames; written with mutex_ held, as is the next member.
  std::atomic<std::uint8_t> generation_{0};
  std::atomic<int> left_{0};  // places removed from the bound since the older generation
  std::atomic<std::ptrdiff_t> held_bytes_{0};
  std::atomic<std::ptrdiff_t> held_device_bytes_{0};
  std::atomic<std::size_t> device_bytes_{0};
  std::atomic<std::size_t> device_limit_{0};  // 0 until there is a frame on a GPU
  std::atomic<int> waiters_{0};
  std::atomic<bool> stopped_{false};
  mutable Mutex mutex_;
  std::vector<std::string> names_ FRESHFRAME_GUARDED_BY(mutex_);  // of the holders
  // Numbers of removed holders, which can be reused.
  std::vector<std::uint16_t> removed_ FRESHFRAME_GUARDED_BY(mutex_);
  Condition room_;
};

}  // namespace freshframe::core
