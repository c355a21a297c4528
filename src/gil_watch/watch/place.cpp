// Keeps what was read at one place, and drops what was read while the thread moved.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/watch/place.hpp"

#include <utility>

namespace freshframe::gil {

std::uint64_t Spot::digest() const noexcept {
  std::uint64_t digest = 0;
  for (const std::uint64_t part :
       {std::uint64_t{turn}, std::uint64_t{mark.frame}, std::uint64_t{mark.instruction}, mark.variables}) {
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

// The vote of Boyer and Moore (MJRTY, 1981): a call may begin with a page fault, or with a short wait before
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

}  // namespace freshframe::gil
