// The number of frames that the engine holds and the bytes on loan, for one pipeline.
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

/// Thread-safe. Sources ask it for room before they publish; see "Frames and memory" in docs/reference/queues.md.
///
/// Note [Kept shares]
/// An edge or node that is removed takes its share of the bound along, but frames that it let pass may still be
/// held, by a node that keeps them or a reader that is not read. They would use up the room of the others. So a
/// share that went stays as long as frames of the time before are held, one place for each. Frames are counted
/// in two generations: when the bound falls and none of the older generation is left, a new one begins.
class FrameBudget {
 public:
  void set_bound(int frames) noexcept;
  /// Room for more, or fewer, than the graph itself needs. Who gives room back has freed its frames.
  void extend(int frames) noexcept;
  [[nodiscard]] int bound() const noexcept { return bound_.load() + extra_.load() + kept_count(); }
  [[nodiscard]] int published_count() const noexcept { return published_[0].load() + published_[1].load(); }
  [[nodiscard]] std::size_t held_bytes() const noexcept;

  /// For one more frame, whose picture stays on a card or not.
  [[nodiscard]] bool has_room(bool on_card) const noexcept {
    return published_count() < bound() && !(on_card && is_device_full());
  }
  /// The bytes that its frames may take on graphics cards. Only the first call has an effect.
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
  /// A frame on a card belongs to this budget from now on. `limit` holds unless another was set before.
  void take_device(std::size_t bytes, std::size_t limit) noexcept {
    set_device_limit(limit);
    device_bytes_.fetch_add(bytes);
  }
  void give_device(std::size_t bytes) noexcept;
  /// Bytes on cards that are on loan.
  void charge_device(std::ptrdiff_t bytes) noexcept {
    held_device_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  }
  /// Waits until has_room(), stop(), or `stopped` (a node's own stop); returns has_room().
  bool wait_for_room(bool on_card, const std::stop_token& stopped = {});
  void stop() noexcept;

  /// Names one more possible holder of loans, such as "node 'x'". Returns its number; 0: there are too many.
  std::uint16_t add_holder(std::string name);
  /// The holder gets no further loans. The number is given to another one when the last of its loans is back.
  void remove_holder(std::uint16_t holder);
  [[nodiscard]] bool knows(std::uint16_t holder) const noexcept {
    return holder > 0 && holder <= holders_.load(std::memory_order_acquire);
  }
  /// `device_bytes`: of each handle's picture on a card.
  void lend(std::uint16_t holder, int handles, std::size_t device_bytes) noexcept {
    auto& lent = get_lent(holder);
    lent.handles.fetch_add(handles, std::memory_order_relaxed);
    if (device_bytes > 0)
      lent.device_bytes.fetch_add(handles * static_cast<std::ptrdiff_t>(device_bytes),
                                  std::memory_order_relaxed);
  }
  /// Throws FramesHeldError when more than `limit` bytes are on loan and `holder` has the most handles, so that the
  /// others continue. Above twice the limit it throws for every holder. For bytes on cards half of their limit counts,
  /// because the sources need the other half, and a holder that has none there is left alone.
  void check_held(std::uint16_t holder, std::size_t limit) const;

  /// Returns the frame's generation.
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
    std::atomic<std::ptrdiff_t> device_bytes{0};  // a picture counts for each of its handles
  };
  using LentChunk = std::array<Lent, kChunk>;  // of each holder
  enum class Place : std::uint8_t { Host, Card };

  [[nodiscard]] Lent& get_lent(std::uint16_t holder) const noexcept {
    return (*lent_[(holder - 1U) / kChunk])[(holder - 1U) % kChunk];
  }
  /// Returns the handles of a holder, or its bytes on cards.
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

  // Each is made before `holders_` reaches it, and never moved.
  std::array<std::unique_ptr<LentChunk>, 256> lent_;
  std::atomic<std::uint16_t> holders_{0};
  std::atomic<int> bound_{1 << 30};
  std::atomic<int> extra_{0};
  std::array<std::atomic<int>, 2> published_{};  // by generation
  std::atomic<std::uint8_t> generation_{0};      // generation of new frames; written with mutex_, as the next
  std::atomic<int> left_{0};                     // places that have gone from the bound since the older one
  std::atomic<std::ptrdiff_t> held_bytes_{0};
  std::atomic<std::ptrdiff_t> held_device_bytes_{0};
  std::atomic<std::size_t> device_bytes_{0};
  std::atomic<std::size_t> device_limit_{0};  // 0 until the first frame on a card
  std::atomic<int> waiters_{0};
  std::atomic<bool> stopped_{false};
  mutable Mutex mutex_;
  std::vector<std::string> names_ FRESHFRAME_GUARDED_BY(mutex_);      // names of the holders
  std::vector<std::uint16_t> removed_ FRESHFRAME_GUARDED_BY(mutex_);  // their numbers can be used again
  Condition room_;
};

}  // namespace freshframe::core
