// The sampler's thread, which reads the GIL's record.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"
#include <Python.h>

#include "bindings/node/hold_sampler.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

#include "gil_watch/cpython/layout.hpp"
#include <pthread.h>

extern "C" {
// The interpreter's one record of itself; its type is in no public header.
PyAPI_DATA(struct pyruntimestate)
    _PyRuntime;  // NOLINT(bugprone-reserved-identifier,readability-identifier-naming)
}

namespace freshframe::python {
namespace {

constexpr std::chrono::milliseconds kPeriod{5};
constexpr std::chrono::milliseconds kLong{1};  // a sample rarely meets a shorter wait
constexpr std::chrono::seconds kPatience{2};

// The record lives as long as the interpreter, in which node threads run.
gil::GilRecord read_gil(std::uintptr_t address) noexcept {
  const auto& record =
      *reinterpret_cast<const gil::GilRecord*>(address);  // NOLINT(performance-no-int-to-ptr)
  return {.interval_us = 0,
          .last_holder = __atomic_load_n(&record.last_holder, __ATOMIC_RELAXED),
          .locked = __atomic_load_n(&record.locked, __ATOMIC_RELAXED),
          .switch_number = 0};
}

// The address of the GIL's record; 0 if this thread, which holds the GIL, is not the holder in it.
std::uintptr_t find_known_gil(std::uintptr_t thread) {
  if (gil::compiled_free_threaded() || !gil::mismatch(&_PyRuntime).empty()) return 0;
  if (PyInterpreterState_Get() != PyInterpreterState_Main()) return 0;
  const auto address = gil::find_gil(&_PyRuntime, PyInterpreterState_Get());
  if (address == 0) return 0;
  const auto lock = read_gil(address);
  return lock.locked == 1 && lock.last_holder == thread ? address : 0;
}

// One for all node threads, while there are any. Used with the GIL held.
std::shared_ptr<HoldSampler> sampler_for(std::uintptr_t thread) {
  static std::weak_ptr<HoldSampler> shared;
  static int generation = -1;  // the child of a fork has none of its parent's threads
  auto sampler = generation == fork_generation() ? shared.lock() : nullptr;
  if (sampler) return sampler;
  const auto lock = find_known_gil(thread);
  if (lock == 0) return nullptr;
  sampler = std::make_shared<HoldSampler>(lock);
  shared = sampler;
  generation = fork_generation();
  return sampler;
}

}  // namespace

HoldSampler::Seat::Seat() {
  const auto thread = reinterpret_cast<std::uintptr_t>(gil::detail::unchecked_thread_state());
  sampler_ = sampler_for(thread);
  if (!sampler_) return;
  thread_ = thread;
  sampler_->add(*this);
}

HoldSampler::Seat::~Seat() {
  if (!sampler_) return;
  if (guard_.forked()) {  // its thread, which may have held the mutex, does not exist here
    new std::shared_ptr<HoldSampler>(std::move(sampler_));
    return;
  }
  sampler_->remove(*this);
}

void HoldSampler::Seat::begin() noexcept {
  if (sampler_) looks_before_ = sampler_->looks_.load(std::memory_order_relaxed);
  held_.store(0, std::memory_order_relaxed);
}

std::optional<double> HoldSampler::Seat::share_held(Clock::duration waited) {
  if (!sampler_ || waited < kLong) return std::nullopt;
  sampler_->look_on();
  const auto looks = sampler_->looks_.load(std::memory_order_relaxed) - looks_before_;
  const auto held = held_.load(std::memory_order_relaxed);
  return looks > 0 ? std::optional(static_cast<double>(std::min(held, looks)) / looks) : std::nullopt;
}

HoldSampler::~HoldSampler() {
  if (!thread_) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_->join();  // it never waits for the GIL
}

void HoldSampler::add(Seat& seat) {
  const std::lock_guard lock(mutex_);
  seats_[seat.thread_] = &seat;
}

void HoldSampler::remove(Seat& seat) {
  const std::lock_guard lock(mutex_);
  seats_.erase(seat.thread_);
}

void HoldSampler::look_on() {
  {
    const std::lock_guard lock(mutex_);
    until_ = Clock::now() + kPatience;
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

void HoldSampler::run() {
  pthread_setname_np(pthread_self(), "ff gil hold");
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (Clock::now() >= until_) {
      changed_.wait(lock, [&] { return stopping_ || Clock::now() < until_; });
    } else {
      changed_.wait_for(lock, kPeriod, [&] { return stopping_; });
      look_locked();
    }
  }
}

// Only the holder is looked up: with thousands of nodes a loop over all of them would hold the mutex too long, and
// threads with the GIL wait for it.
void HoldSampler::look_locked() {
  const auto record = read_gil(lock_);
  looks_.fetch_add(1, std::memory_order_relaxed);
  if (record.locked != 1) return;
  const auto holder = seats_.find(record.last_holder);
  if (holder != seats_.end()) holder->second->held_.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace freshframe::python
