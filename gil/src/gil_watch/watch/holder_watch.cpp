// Reads CPython's GIL structure and the holder's thread state.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/watch/holder_watch.hpp"

#include <utility>

#include "gil_watch/cpython/gil_record.hpp"
#include "gil_watch/cpython/layout.hpp"
#include "gil_watch/stacks/memory.hpp"
#include <pthread.h>
#include <unistd.h>

namespace freshframe::gil {

std::uint64_t Spot::digest() const noexcept {
  std::uint64_t digest = 0;
  for (const std::uint64_t part : {std::uint64_t{turn}, std::uint64_t{mark.frame},
                                   std::uint64_t{mark.instruction}, mark.code, mark.variables}) {
    digest = (digest ^ part) * 0x9E3779B97F4A7C15ULL;
    digest ^= digest >> 29U;
  }
  return digest | 1U;
}

std::vector<const StackSample*> Place::samples() const {
  std::vector<const StackSample*> found;
  if (waiting && (blocked() || computing.empty())) return {&*waiting};
  found.reserve(computing.size());
  for (const StackSample& sample : computing) found.push_back(&sample);
  return found;
}

void Places::see(const Spot& spot, Clock::time_point now) {
  if (now_.spot == spot && now_.first != Clock::time_point()) {
    now_.last = now;
    return;
  }
  if (now_.lasted() >= longest_.lasted()) longest_ = std::move(now_);
  now_ = {};
  now_.spot = spot;
  now_.first = now_.last = now;
  sampled_at_ = {};
}

void Places::count_collecting(bool collects, const std::optional<Spot>& after) {
  if (after == now_.spot) ++(collects ? now_.collecting_looks : now_.working_looks);
}

void Places::keep_frames(std::vector<PythonFrame> frames, const std::optional<Spot>& after) {
  if (after == now_.spot) now_.python = std::move(frames);
}

void Places::keep_computing(StackSample sample, const std::optional<Spot>& after) {
  const std::optional<Spot> wanted = std::exchange(awaited_, std::nullopt);
  if (wanted != now_.spot) return;
  if (sample.witnessed ? sample.witnessed != now_.spot.digest() : after != now_.spot) return;
  now_.computing.push_back(std::move(sample));
  sampled_at_ = now_.lasted();
}

bool Places::wants_computing() const {
  if (now_.computing.empty()) return true;
  return now_.computing.size() < kMostSamples && now_.lasted() >= 2 * sampled_at_;
}

// Boyer-Moore majority vote (MJRTY, 1981), because a call may begin with a page fault or a short wait before
// the long one.
bool Places::wants_waiting(const TaskState& state) {
  if (now_.waiting && state == now_.where) {
    ++now_.where_votes;
    return false;
  }
  return !now_.waiting || --now_.where_votes <= 0;
}

void Places::keep_waiting(StackSample sample, const TaskState& state, const std::optional<Spot>& after) {
  if (after != now_.spot) return;
  now_.waiting = std::move(sample);
  now_.where = state;
  now_.where_votes = 1;
}

std::size_t find_pthread_id() noexcept {
  // In glibc 2.31 to 2.42, the thread id is at offset 720 (x86-64) or 208 (aarch64).
  constexpr std::size_t kSearched = 2048;
  const auto base = static_cast<std::uintptr_t>(::pthread_self());
  for (std::size_t offset = 0; offset < kSearched; offset += sizeof(pid_t)) {
    pid_t value = 0;
    if (read_value(base + offset, value) && value == ::gettid()) return offset;
  }
  return 0;
}

Holder HolderWatch::read_holder(std::uintptr_t state) const noexcept {
  const Layout& layout = compiled_layout();
  Holder holder{.state = state};
  if (!read_value(state + layout.thread_ident, holder.python_id)) return {};
  if (layout.thread_native_id == Layout::kNone) {
    read_value(holder.python_id + target_.pthread_id, holder.native_id);
  } else {
    unsigned long id = 0;
    read_value(state + layout.thread_native_id, id);
    holder.native_id = static_cast<pid_t>(id);
  }
  return holder;
}

// The GIL structure is read last: if it still has the same turn, the holder had the GIL when the mark was
// read.
std::optional<Spot> SpotReader::read() const noexcept {
  Spot spot{.turn = 0, .mark = frames.mark(state)};
  GilRecord record{};
  if (!read_value(gil, record) || record.locked != 1 || record.last_holder != state) return std::nullopt;
  spot.turn = record.switch_number;
  return spot;
}

bool HolderWatch::look(Clock::time_point now) {
  GilRecord gil{};
  if (!read_value(target_.gil, gil)) return false;
  interval_ = std::chrono::microseconds(gil.interval_us);
  switches_ = gil.switch_number;
  if (gil.locked != 1 || gil.last_holder == 0) {
    turn_ = {};
    return true;
  }
  if (turn_.holder.state != gil.last_holder || turn_.number != gil.switch_number) {
    const Holder holder = read_holder(gil.last_holder);
    turn_ = {};
    if (holder.python_id == ignored_) return true;
    turn_ = {.holder = holder,
             .number = gil.switch_number,
             .first_seen = now,
             .still_since = now,
             .mark = frames_.mark(holder.state)};
    return true;
  }
  const PlaceMark mark = frames_.mark(gil.last_holder);
  turn_.seen_before = true;
  turn_.moved = mark != turn_.mark;
  if (turn_.moved) {
    turn_.mark = mark;
    turn_.still_since = now;
  }
  return true;
}

void HolderWatch::look_closer(Clock::time_point now) {
  constexpr int kReadings = 12;
  for (int i = 0; i < kReadings && turn_; ++i) {
    const PlaceMark mark = frames_.mark(turn_.holder.state);
    if (mark == turn_.mark) continue;
    turn_.moved = true;
    turn_.mark = mark;
    turn_.still_since = now;
    return;
  }
}

}  // namespace freshframe::gil
