// Collects samples and counts of a suspect, one observation at a time.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/watch/evidence.hpp"

#include <algorithm>
#include <utility>

namespace freshframe::gil {

namespace {

std::uint64_t look_as_witness(const void* reader) noexcept {
  const auto spot = static_cast<const SpotReader*>(reader)->read();
  return spot ? spot->digest() : 0;
}

}  // namespace

void Suspect::gather(Clock::time_point now, Clock::duration time, const HolderWatch& gil,
                     CpuSampler& sampler) {
  had_ += time;
  places_.see({gil.turn().number, gil.turn().mark}, now);
  const auto state = read_task_state(holder_.native_id);
  if (!state) return;
  running_ = state->running;
  places_.count(running_);
  const bool collects = gil.collects();
  places_.count_collecting(collects, gil.spot());
  if (kernel_name_.empty()) kernel_name_ = task_name(holder_.native_id);
  count_movement(gil, *state);
  if (places_.present().python.empty()) gather_frames(gil);
  // A signal costs the thread microseconds, and is not needed for one that runs bytecode.
  if (running_ && !runs_bytecode()) {
    gather_computing(gil, sampler);
    return;
  }
  if (sampler.armed() == holder_.native_id) sampler.disarm();
  awaiting_ = false;
  if (!running_) gather_waiting(gil, *state);
}

// Returns whether the thread's bytecode moves while the thread has a CPU. A thread without a CPU does not
// move either, so only readings between which its CPU time grew count. Several are needed, because a short
// loop may be found at the same place by chance. On a machine with a single CPU the thread never runs while
// this one reads, so the result is Unknown.
Suspect::Movement Suspect::movement_while_running(const HolderWatch& gil) const {
  constexpr int kReadings = 64;
  constexpr int kEnough = 8;                    // this many reads between which the thread has run are enough
  constexpr std::chrono::microseconds kRan{1};  // CPU time that is enough for some hundred instructions
  auto before = computed_time(holder_.native_id);
  int counted = 0;
  for (int i = 0; i < kReadings; ++i) {
    if (gil.frames().mark(holder_.state) != gil.turn().mark) return Movement::Moved;
    const auto now = computed_time(holder_.native_id);
    if (now - before < kRan) continue;
    before = now;
    if (++counted == kEnough) return Movement::Still;
  }
  return Movement::Unknown;
}

// Counts whether the thread runs bytecode or is inside one native call.
void Suspect::count_movement(const HolderWatch& gil, const TaskState& state) {
  const Turn& turn = gil.turn();
  // At the first observation of a turn, the only earlier reading was made microseconds ago. Running bytecode
  // has moved in that time.
  const bool moved = turn.seen_before ? turn.moved : gil.frames().mark(holder_.state) != turn.mark;
  const Clock::duration before = std::exchange(times_, task_times(holder_.native_id)).computed;
  if (moved) {
    ++moved_looks_;
  } else if (!state.running) {
    ++still_looks_;
  } else if (times_.computed - before > std::chrono::microseconds(50)) {
    const auto movement = movement_while_running(gil);
    ++(movement == Movement::Moved ? moved_looks_ : still_looks_);
    if (movement == Movement::Still) ++certain_looks_;
  }  // too little CPU time to judge, because other threads had the CPU
}

void Suspect::gather_frames(const HolderWatch& gil) {
  std::vector<PythonFrame> frames = gil.frames().frames(holder_.state);
  if (frames.size() >= deepest_.size()) deepest_ = frames;
  places_.keep_frames(std::move(frames), gil.spot());
}

void Suspect::gather_computing(const HolderWatch& gil, CpuSampler& sampler) {
  if (sampler.armed() == holder_.native_id && places_.awaits()) {
    auto sample = sampler.take();
    if (!sample) return;
    sample->libraries = libraries_;
    places_.keep_computing(std::move(*sample), gil.spot());
  }
  awaiting_ = places_.wants_computing();
  if (!awaiting_) return sampler.disarm();
  libraries_ = loaded_libraries(libraries_);
  sampler.disarm();  // disarm first, because a sample may be using the witness
  witness_ = std::make_unique<SpotReader>(gil.reader());
  sampler.arm(holder_.native_id, {&look_as_witness, witness_.get()});
  places_.await();
}

void Suspect::gather_waiting(const HolderWatch& gil, const TaskState& state) {
  if (!places_.wants_waiting(state)) return;
  libraries_ = loaded_libraries(libraries_);
  auto sample = sample_waiting(holder_.native_id, state);
  if (!sample) return;
  sample->libraries = libraries_;
  places_.keep_waiting(std::move(*sample), state, gil.spot());
}

void Suspect::end(CpuSampler& sampler) {
  // A sample without a witness may already be from a later call.
  if (sampler.armed() == holder_.native_id && places_.awaits()) {
    auto sample = sampler.take();
    if (sample) sample->libraries = libraries_;
    if (sample && sample->witnessed) places_.keep_computing(std::move(*sample), std::nullopt);
  }
  // The kernel counts a wait for a CPU once it has ended. If the thread was running, its wait has ended by
  // now. If it waited for something else, it did not wait for a CPU, and reading its times again would only
  // add time after the stall.
  if (running_) times_ = task_times(holder_.native_id);
}

const std::vector<PythonFrame>& Suspect::python() const {
  return runs_bytecode() && deepest_.size() > place().python.size() ? deepest_ : place().python;
}

// The times may be read after the end of the stall and then include time after it. The CPU time bounds the
// error: while the thread was running, it did not wait.
Clock::duration Suspect::delayed(Clock::duration wall) const {
  const Clock::duration queued = times_.queued - first_times_.queued;
  const Clock::duration idle = wall - (times_.computed - first_times_.computed);
  return std::clamp(std::min(queued, idle), Clock::duration(), wall);
}

Clock::duration Suspect::computed(Clock::duration wall) const {
  const Clock::duration computed = times_.computed - first_times_.computed;
  return std::clamp(computed, Clock::duration(), wall - delayed(wall));
}

}  // namespace freshframe::gil
