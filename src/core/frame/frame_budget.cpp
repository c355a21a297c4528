// Waiting for room in the frame budget.
// SPDX-License-Identifier: Apache-2.0
#include "core/frame/frame_budget.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/unit_text.hpp"

namespace freshframe::core {

namespace {

// Two threads may count a loan and its return in reverse order, so the sum can be briefly negative.
std::size_t read_sum(const std::atomic<std::ptrdiff_t>& bytes) noexcept {
  return static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, bytes.load(std::memory_order_relaxed)));
}

}  // namespace

std::size_t FrameBudget::held_bytes() const noexcept {
  return read_sum(held_bytes_);
}

bool FrameBudget::wait_for_room(bool on_card, const std::stop_token& stopped) {
  if (has_room(on_card)) return true;
  const std::stop_callback wake(stopped, [this] {
    const Lock lock(mutex_);
    room_.notify_all();
  });
  const Lock lock(mutex_);
  // Before the predicate reads the counters, because whoever lowers one reads `waiters_` afterwards.
  waiters_.fetch_add(1);
  room_.wait(mutex_, [&] { return has_room(on_card) || stopped_.load() || stopped.stop_requested(); });
  waiters_.fetch_sub(1);
  return has_room(on_card);
}

void FrameBudget::stop() noexcept {
  stopped_.store(true);
  const Lock lock(mutex_);
  room_.notify_all();
}

void FrameBudget::set_bound(int frames) noexcept {
  const Lock lock(mutex_);
  keep_share_locked(bound_.load() - frames);
  bound_.store(frames);
  room_.notify_all();
}

void FrameBudget::keep_share_locked(int frames) noexcept {
  if (frames <= 0) return;
  const auto generation = generation_.load();
  if (published_[generation ^ 1U].load() > 0) {
    left_.fetch_add(frames);
    return;
  }
  left_.store(frames);
  generation_.store(generation ^ 1U);
}

void FrameBudget::extend(int frames) noexcept {
  extra_.fetch_add(frames);
  const Lock lock(mutex_);
  room_.notify_all();
}

void FrameBudget::unpublish(std::uint8_t generation) noexcept {
  published_[generation].fetch_sub(1);
  wake_waiters();
}

void FrameBudget::give_device(std::size_t bytes) noexcept {
  device_bytes_.fetch_sub(bytes);
  wake_waiters();
}

void FrameBudget::wake_waiters() noexcept {
  if (waiters_.load() == 0) return;
  const Lock lock(mutex_);
  room_.notify_all();
}

std::uint16_t FrameBudget::add_holder(std::string name) {
  const Lock lock(mutex_);
  const auto free = std::ranges::find_if(removed_, [this](std::uint16_t holder) {
    return get_lent(holder).handles.load(std::memory_order_relaxed) == 0;
  });
  if (free != removed_.end()) {
    const auto holder = *free;
    removed_.erase(free);
    names_[holder - 1U] = std::move(name);
    return holder;
  }
  if (names_.size() == std::numeric_limits<std::uint16_t>::max()) return 0;
  auto& chunk = lent_[names_.size() / kChunk];
  if (!chunk) chunk = std::make_unique<LentChunk>();
  names_.push_back(std::move(name));
  holders_.store(static_cast<std::uint16_t>(names_.size()), std::memory_order_release);
  return static_cast<std::uint16_t>(names_.size());
}

void FrameBudget::remove_holder(std::uint16_t holder) {
  if (holder == 0) return;
  const Lock lock(mutex_);
  removed_.push_back(holder);
}

std::uint16_t FrameBudget::greatest_holder(Place place) const noexcept {
  std::uint16_t greatest = 0;
  std::ptrdiff_t most = 0;
  const auto holders = holders_.load(std::memory_order_acquire);
  for (std::uint32_t each = 1; each <= holders; ++each) {
    const auto holder = static_cast<std::uint16_t>(each);
    const auto share = read_share(holder, place);
    if (share <= most) continue;
    greatest = holder;
    most = share;
  }
  return greatest;
}

std::string FrameBudget::get_name(std::uint16_t holder) const {
  const Lock lock(mutex_);
  return names_[holder - 1U];
}

void FrameBudget::check_held(std::uint16_t holder, std::size_t limit) const {
  check_held(holder, held_bytes(), limit, Place::Host);
  if (const auto most = device_limit(); most > 0)
    check_held(holder, read_sum(held_device_bytes_), most / 2, Place::Card);
}

void FrameBudget::check_held(std::uint16_t holder, std::size_t held, std::size_t limit, Place place) const {
  if (held <= limit) return;
  const bool on_cards = place == Place::Card;
  if (on_cards && knows(holder) && read_share(holder, place) <= 0) return;
  const auto greatest = greatest_holder(place);
  const bool known = knows(holder) && greatest != 0;
  if (known && read_share(holder, place) < read_share(greatest, place) && held / 2 <= limit) return;
  std::string text = (knows(holder) ? get_name(holder) : std::string("this consumer")) +
                     " receives no more frames: " + measured_mebibytes_text(held) + " of images " +
                     (on_cards ? "on a GPU " : "") + "are held outside the engine, but the limit is " +
                     measured_mebibytes_text(limit);
  if (greatest != 0) text += "; most are held by " + get_name(greatest);
  throw FramesHeldError(text + ". Release frames, read with frames=False, or raise " +
                        (on_cards ? "max_device_bytes, of which half may be held" : "max_held_bytes"));
}

}  // namespace freshframe::core
