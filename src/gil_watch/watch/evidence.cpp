// One observation of a suspect.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/watch/evidence.hpp"

#include <utility>

#include "gil_watch/watch/task_state.hpp"

namespace freshframe::gil {
namespace {

void gather_computing(Suspect& suspect, CpuSampler& sampler) {
  if (suspect.computing) return;
  if (sampler.armed() != suspect.holder.native_id) {
    suspect.libraries = loaded_libraries(suspect.libraries);
    sampler.arm(suspect.holder.native_id);
    return;
  }
  suspect.take_computing(sampler);
}

// Does it run bytecode, or is it inside one native call? True when it moved since the observation before.
bool count_movement(Suspect& suspect, const HolderWatch& gil, const TaskState& state) {
  const Turn& turn = gil.turn();
  // At the first observation of a turn the only earlier reading is the one just made: within these microseconds
  // bytecode has moved.
  const bool moved = turn.seen_before ? turn.moved : gil.frames().mark(suspect.holder.state) != turn.mark;
  const Clock::duration before = std::exchange(suspect.computed, cpu_time(suspect.holder.native_id));
  if (moved) {
    ++suspect.moved_looks;
  } else if (!state.running || suspect.computed - before > std::chrono::microseconds(50)) {
    ++suspect.still_looks;  // else it did not run: other threads had the processor
  }
  return moved;
}

// Keeps the stack of its most frequent wait, by the vote of Boyer and Moore (MJRTY, 1981): a stall may begin
// with a page fault, or with a short call before the long one.
void gather_waiting(Suspect& suspect, const HolderWatch& gil, const TaskState& state) {
  if (suspect.waiting && state == suspect.place) {
    ++suspect.place_votes;
    return;
  }
  if (suspect.waiting && --suspect.place_votes > 0) return;
  auto python = gil.frames().frames(suspect.holder.state);
  suspect.libraries = loaded_libraries(suspect.libraries);
  auto sample = sample_waiting(suspect.holder.native_id);
  if (!sample) return;
  sample->libraries = suspect.libraries;
  suspect.waiting = std::move(sample);
  suspect.place = state;
  suspect.place_votes = 1;
  if (!suspect.computing || suspect.blocked()) suspect.python = std::move(python);
}

}  // namespace

void Suspect::take_computing(CpuSampler& sampler) {
  computing = sampler.take();
  if (computing) computing->libraries = libraries;
}

void gather(Suspect& suspect, const HolderWatch& gil, CpuSampler& sampler) {
  const auto state = read_task_state(suspect.holder.native_id);
  if (!state) return;
  ++(state->running ? suspect.running_looks : suspect.waiting_looks);
  if (suspect.kernel_name.empty()) suspect.kernel_name = task_name(suspect.holder.native_id);
  // The frames and the stack are of one moment, even if the stall consists of many calls.
  const bool stack_missing = suspect.stack() == nullptr;
  std::vector<PythonFrame> before;
  if (stack_missing) {
    before = std::exchange(suspect.python, gil.frames().frames(suspect.holder.state));
  }
  const bool moved = count_movement(suspect, gil, *state);
  if (state->running) {
    // A signal costs the thread microseconds. A thread that runs bytecode needs none.
    if (!suspect.runs_bytecode()) gather_computing(suspect, sampler);
    // If the thread has moved by now, the sample since the observation before belongs to the call of that
    // observation.
    const bool sampled = stack_missing && suspect.computing;
    if (sampled && moved && !before.empty()) suspect.python = std::move(before);
    return;
  }
  if (sampler.armed() == suspect.holder.native_id) sampler.disarm();
  gather_waiting(suspect, gil, *state);
}

}  // namespace freshframe::gil
