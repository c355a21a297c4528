// The thread that samples which thread holds the GIL.
// SPDX-License-Identifier: Apache-2.0
//
// The interpreter's GIL record is located once, by a thread that holds the GIL and so must be the holder in
// the record. If it is not, or the interpreter's layout is unknown, there is no sampler, and CPU time is used
// instead. The record's address depends on the version that is running, not on the headers: a stable-ABI
// module runs on all versions.
#include "freshframe/gil.hpp"
#include <Python.h>

#include "bindings/node/hold_sampler.hpp"

#include "freshframe/forks.hpp"

#include <algorithm>
#include <charconv>
#include <random>
#include <string_view>
#include <system_error>
#include <utility>

#include "gil_watch/cpython/gil_record.hpp"
#include "gil_watch/stacks/memory.hpp"
#include "platform/library.hpp"
#include "platform/thread.hpp"

namespace freshframe::python {
namespace {

constexpr std::chrono::milliseconds kLeastPeriod{5};
constexpr std::chrono::milliseconds kMostPeriod{15};
constexpr int kLooksPerWait = 4;
constexpr std::chrono::seconds kPatience{2};
// The record's locks and conditions follow the fields of GilRecord: 4 of at most 48 bytes.
constexpr std::size_t kRecordBytes = 512;

// The record lives as long as the interpreter, and so longer than node threads.
gil::GilRecord read_gil(std::uintptr_t address) noexcept {
  const auto& record =
      *reinterpret_cast<const gil::GilRecord*>(address);  // NOLINT(performance-no-int-to-ptr)
  return {.interval_us = 0,
          .last_holder = __atomic_load_n(&record.last_holder, __ATOMIC_RELAXED),
          .locked = __atomic_load_n(&record.locked, __ATOMIC_RELAXED),
          .switch_number = 0};
}

// Returns the address of the GIL record, or 0 if this thread, which holds the GIL, is not its holder.
std::uintptr_t find_known_gil([[maybe_unused]] std::uintptr_t thread) {
#ifdef Py_GIL_DISABLED
  return 0;
#else
  PyInterpreterState* const interpreter = PyInterpreterState_Get();
  if (PyInterpreterState_GetID(interpreter) != 0) return 0;  // a subinterpreter
  const std::string_view version(Py_GetVersion());
  int minor = 0;
  if (!version.starts_with("3.")) return 0;
  std::from_chars(version.data() + 2, version.data() + version.size(), minor);
  const auto address = gil::find_gil(minor, platform::loaded_symbol("_PyRuntime"), interpreter);
  gil::GilRecord lock{};
  if (address == 0 || !gil::read_value(address, lock)) return 0;
  return lock.locked == 1 && lock.last_holder == thread ? address : 0;
#endif
}

void add_time(std::atomic<std::int64_t>& sum, HoldSampler::Clock::duration time) {
  sum.fetch_add(std::chrono::nanoseconds(time).count(), std::memory_order_relaxed);
}

// The sampler of all node threads, while there are any. Used with the GIL held. A forked child starts without
// one, because its parent's threads do not exist there.
struct PresentSampler {
  std::weak_ptr<HoldSampler> sampler;
};

std::shared_ptr<HoldSampler> sampler_for(std::uintptr_t thread) {
  auto& shared = forks::PerProcess<PresentSampler>::get().sampler;
  auto sampler = shared.lock();
  if (sampler) return sampler;
  const auto lock = find_known_gil(thread);
  if (lock == 0) return nullptr;
  sampler = std::make_shared<HoldSampler>(lock);
  shared = sampler;
  return sampler;
}

}  // namespace

HoldSampler::Seat::Seat() {
  const auto thread = reinterpret_cast<std::uintptr_t>(gil::detail::own_thread_state());
  sampler_ = sampler_for(thread);
  if (!sampler_) return;
  thread_ = thread;
  wait_.emplace(platform::thread_number());
  sampler_->add(*this);
}

HoldSampler::Seat::~Seat() {
  if (!sampler_) return;
  // the sampler's thread, which may have held the mutex, does not exist in the child
  if (guard_.has_forked()) {
    new std::shared_ptr<HoldSampler>(std::move(sampler_));
    return;
  }
  sampler_->remove(*this);
}

void HoldSampler::Seat::begin_hold(bool expects_long) {
  if (!sampler_) return;
  is_seen_ = sampler_->is_looking_.load(std::memory_order_relaxed);
  if (!is_seen_ && expects_long) {
    sampler_->look_on();
    is_seen_ = true;
  }
  held_ns_.store(0, std::memory_order_relaxed);
  waited_ns_.store(0, std::memory_order_relaxed);
  has_turn_.store(true, std::memory_order_release);
}

std::optional<HoldSampler::Seen> HoldSampler::Seat::end_hold(bool was_long) {
  if (!sampler_) return std::nullopt;
  has_turn_.store(false, std::memory_order_release);
  if (!was_long) return std::nullopt;
  sampler_->look_on();
  if (!is_seen_) return std::nullopt;
  return Seen{static_cast<double>(held_ns_.load(std::memory_order_relaxed)) * 1e-9,
              static_cast<double>(waited_ns_.load(std::memory_order_relaxed)) * 1e-9};
}

HoldSampler::~HoldSampler() {
  if (!thread_) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_->join();  // cannot deadlock, because that thread never waits for the GIL
}

void HoldSampler::add(Seat& seat) {
  const std::lock_guard lock(mutex_);
  seats_[seat.thread_] = &seat;
}

void HoldSampler::remove(Seat& seat) {
  const std::lock_guard lock(mutex_);
  seats_.erase(seat.thread_);
}

// A thread that is already sampling sees the new time itself. One that is about to stop checks the time again
// after it has reset is_looking_.
void HoldSampler::look_on() {
  until_.store(Clock::now() + kPatience);
  if (is_looking_.load()) return;
  {
    const std::lock_guard lock(mutex_);
  }
  if (thread_) {
    changed_.notify_one();
    return;
  }
  try {
    thread_.emplace([this] { run(); });
  } catch (const std::system_error&) {  // NOLINT(bugprone-empty-catch): without it processor time counts
  }
}

bool HoldSampler::is_wanted_locked() const {
  return Clock::now() < until_.load() ||
         std::ranges::any_of(seats_, [](const auto& each) { return each.second->has_turn_.load(); });
}

void HoldSampler::run() {
  platform::name_thread("ff gil hold");
  std::minstd_rand random;  // NOLINT(bugprone-random-generator-seed): periods that no loop has are enough
  std::uniform_int_distribution<std::int64_t> period(std::chrono::nanoseconds(kLeastPeriod).count(),
                                                     std::chrono::nanoseconds(kMostPeriod).count());
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    is_looking_.store(true);
    auto before = Clock::now();
    auto waits_before = before;
    for (int look = 1; !stopping_ && is_wanted_locked(); ++look) {
      changed_.wait_for(lock, std::chrono::nanoseconds(period(random)), [&] { return stopping_; });
      const auto now = Clock::now();
      const auto record = read_gil(lock_);
      const auto holder = record.locked == 1 ? seats_.find(record.last_holder) : seats_.end();
      note_hold_locked(holder, now - std::exchange(before, now));
      if (look % kLooksPerWait == 0) note_waits_locked(holder, now - std::exchange(waits_before, now));
    }
    is_looking_.store(false);
    changed_.wait(lock, [&] { return stopping_ || Clock::now() < until_.load(); });
  }
}

// Only looks up the holder, because there may be thousands of nodes, and threads with the GIL wait for the
// mutex.
void HoldSampler::note_hold_locked(Seats::const_iterator holder, Clock::duration since) {
  if (holder == seats_.end() || !holder->second->has_turn_.load(std::memory_order_acquire)) return;
  add_time(holder->second->held_ns_, since);
}

void HoldSampler::note_waits_locked(Seats::const_iterator holder, Clock::duration since) {
  for (auto seat = seats_.cbegin(); seat != seats_.cend(); ++seat) {
    if (seat == holder || !seat->second->has_turn_.load(std::memory_order_acquire)) continue;
    if (seat->second->wait_->is_in(lock_, kRecordBytes).value_or(false))
      add_time(seat->second->waited_ns_, since);
  }
}

}  // namespace freshframe::python
