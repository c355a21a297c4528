// One execution: its fibers, what they wait for, and the choice of the next step.
// SPDX-License-Identifier: Apache-2.0
#include "scheduler.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <stdexcept>
#include <utility>

namespace freshframe::interleave {
namespace {

constexpr std::uint64_t kMostSteps = 20'000;
constexpr std::int64_t kBegin = 1'000'000'000;  // a start time other than 0, so that no timestamp is 0
constexpr std::int64_t kLook = 2'000;           // nanoseconds

const char* name_of_wait(Operation operation) {
  switch (operation) {
    case Operation::Lock:
      return "waits for a mutex";
    case Operation::Wake:
      return "waits on a condition";
    default:
      return "can go on";
  }
}

}  // namespace

bool Inside::watches = false;

Scheduler& scheduler() {
  static Scheduler only;
  return only;
}

std::vector<Program>& programs() {
  static std::vector<Program> all;
  return all;
}

void fail(const std::string& what) {
  Inside::watches = false;
  scheduler().fail(what);
}
void note(const std::string& text) {
  if (!scheduler().is_on()) return;
  const Inside inside;
  scheduler().note(text);
}
void outcome(const std::string& text) {
  scheduler().outcome(text);
}
int forced_deadlines() {
  return scheduler().forced_deadlines();
}
std::int64_t now_ns() {
  return scheduler().now_ns();
}

// ---- an execution

void Scheduler::begin_program() {
  shared_places_.clear();
  outcomes_.clear();
}

void Scheduler::begin_execution(bool keeps_trace) {
  for (void* const memory : freed_) std::free(memory);
  freed_.clear();
  steps_ = waits_ = 0;
  now_ns_ = kBegin;
  forced_deadlines_ = 0;
  failure_.clear();
  owners_.clear();
  uses_.clear();
  trace_.clear();
  keeps_trace_ = keeps_trace;
  learned_ = false;
}

Execution Scheduler::execute(const Program& program, Choices& choices, bool keeps_trace) {
  begin_execution(keeps_trace);
  choices.begin_execution();
  choices_ = &choices;
  auto world = program.make();
  run_threads(*world);
  if (failure_.empty()) failure_ = races_.race().what;
  if (failure_.empty()) {
    try {
      world->check();
    } catch (const std::exception& error) {
      failure_ = error.what();
    }
  }
  if (!failure_.empty()) (void)world.release();  // its threads are still in the middle of their work
  return {failure_, races_.race(), steps_};
}

void Scheduler::run_threads(World& world) {
  world_ = &world;
  count_ = world.threads().size();
  if (count_ > threads_.size()) throw std::length_error("a program has at most six threads");
  races_.begin_execution(count_);
  Options first;
  for (std::size_t i = 0; i < count_; ++i) {
    auto callers = std::move(threads_[i].callers);
    callers.clear();
    threads_[i] = {};
    threads_[i].name = world.threads()[i].name;
    threads_[i].id = i;
    threads_[i].callers = std::move(callers);
    fibers_[i].begin(&run_thread);
    first.add({.thread = static_cast<std::uint8_t>(i)});
  }
  const auto begins = choices_->pick(first);
  if (!begins) {
    failure_ = "the program is not the same in each execution";
    return;
  }
  current_ = &threads_[begins->thread];
  Fiber::switch_between(main_, fibers_[begins->thread]);
}

void Scheduler::run_thread() {
  auto& self = scheduler();
  // NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): a thread begins only when there is a world
  const auto& body = self.world_->threads()[self.current().id].body;
  Inside::watches = true;
  try {
    body();
  } catch (const std::exception& error) {
    interleave::fail(std::string("a thread threw: ") + error.what());
  }
  Inside::watches = false;
  auto& thread = self.current();
  thread.has_ended = true;
  thread.operation = Operation::End;
  self.record(Operation::End, nullptr, nullptr);
  for (auto& other : self.threads_) other.spins = false;
  self.schedule(true);
  std::abort();  // never switches to a thread that has ended
}

void Scheduler::leave_program() {
  Fiber& from = fibers_[current().id];
  current_ = nullptr;
  Fiber::switch_between(from, main_);
  std::abort();  // see above
}

void Scheduler::switch_to(Thread& next) {
  if (&next == current_) return;
  Fiber& from = fibers_[current().id];
  current_ = &next;
  Fiber::switch_between(from, fibers_[next.id]);
}

void Scheduler::fail(const std::string& what) {
  if (!is_on()) throw std::runtime_error(what);
  failure_ = what;
  leave_program();
}

// ---- the choice of the next step

bool Scheduler::can_go_on(const Thread& thread) const {
  if (thread.has_ended) return false;
  switch (thread.operation) {
    case Operation::Lock:
      return is_free(thread.object);
    case Operation::Wake:
      return thread.is_woken && is_free(thread.mutex);
    default:
      return true;
  }
}

bool Scheduler::can_time_out(const Thread& thread) const {
  return !thread.has_ended && thread.operation == Operation::Wake && thread.deadline && !thread.is_woken &&
         is_free(thread.mutex);
}

Options Scheduler::options(bool is_choice) {
  Options result;
  const bool stays = can_go_on(current()) && !current().spins;
  if (stays) result.add({.thread = static_cast<std::uint8_t>(current().id)});
  if (stays && !is_choice) return result;
  add_others(result, stays);
  const auto before = result.count;
  add_deadlines(result, stays);
  if (before == 0 && result.count > 0) ++forced_deadlines_;
  return result;
}

// Spinning threads come last: they run only if nothing else can.
void Scheduler::add_others(Options& options, bool stays) const {
  for (const bool spin : {false, true}) {
    if (spin && options.count > 0) return;
    for (std::size_t i = 0; i < count_; ++i) {
      const auto& thread = threads_[i];
      if ((stays && &thread == current_) || thread.spins != spin || !can_go_on(thread)) continue;
      options.add({.thread = static_cast<std::uint8_t>(i), .preempts = stays});
    }
  }
}

void Scheduler::add_deadlines(Options& options, bool stays) const {
  const bool others = options.count > 0;
  if (others && !world_->deadlines_come_early()) return;
  auto first = std::numeric_limits<std::int64_t>::max();
  for (std::size_t i = 0; i < count_; ++i) {
    if (can_time_out(threads_[i])) first = std::min(first, *threads_[i].deadline);
  }
  for (std::size_t i = 0; i < count_; ++i) {
    const auto& thread = threads_[i];
    if (!can_time_out(thread)) continue;
    if (!others && *thread.deadline > std::max(first, now_ns_)) continue;
    options.add({.thread = static_cast<std::uint8_t>(i), .by_deadline = true, .preempts = others || stays});
  }
}

std::string Scheduler::who_is_stuck() const {
  bool waits = false;
  std::string text;
  for (std::size_t i = 0; i < count_; ++i) {
    const auto& thread = threads_[i];
    if (thread.has_ended) continue;
    waits = waits || thread.operation == Operation::Wake;
    text += "; " + thread.name + " " + name_of_wait(thread.operation);
  }
  if (text.empty()) return {};
  return (waits ? "a deadlock or a lost wake-up" : "a deadlock") + text;
}

void Scheduler::schedule(bool is_choice) {
  const auto possible = options(is_choice);
  if (possible.count == 0) {
    failure_ = who_is_stuck();
    leave_program();
  }
  if (++steps_ > kMostSteps) fail("a livelock: more than " + std::to_string(kMostSteps) + " steps");
  const auto next = choices_->pick(possible);
  if (!next) fail("the program is not the same in each execution");
  auto& thread = threads_[next->thread];
  if (next->by_deadline) {
    thread.timed_out = thread.is_woken = true;
    now_ns_ = std::max(now_ns_, *thread.deadline);
  }
  for (std::size_t i = 0; i < count_; ++i) {
    if (&threads_[i] != &thread) threads_[i].spins = false;
  }
  switch_to(thread);
}

// ---- operations

void Scheduler::learn(const void* place) {
  if (shared_places_.insert(place).second) learned_ = true;
}

bool Scheduler::note_use(const void* object, const void* place) {
  auto& uses = uses_[object];
  if (uses.places.empty()) uses.thread = current().id;
  if (std::find(uses.places.begin(), uses.places.end(), place) == uses.places.end()) {
    uses.places.push_back(place);
    if (uses.is_shared) learn(place);
  }
  if (!uses.is_shared && uses.thread != current().id) {
    uses.is_shared = true;
    for (const void* const each : uses.places) learn(each);
  }
  return shared_places_.contains(place);
}

// The current thread has declared its next operation. Another thread may run before it.
void Scheduler::before(Operation operation, const void* object, const void* place) {
  auto& thread = current();
  thread.operation = operation;
  thread.object = object;
  const bool is_choice = note_use(object, place);
  if (operation == Operation::Load && thread.last_operation == Operation::Load &&
      thread.last_object == object && thread.last_place == place) {
    thread.spins = true;
  }
  thread.last_operation = operation;
  thread.last_object = object;
  thread.last_place = place;
  if (is_choice || thread.spins || !can_go_on(thread)) schedule(is_choice);
  thread.spins = false;
  record(operation, object, place);
  races_.step(thread.id);
}

void Scheduler::record(Operation operation, const void* object, const void* place) {
  if (!keeps_trace_) return;
  Step step{.thread = current().id, .operation = operation, .object = object, .place = place};
  const auto& callers = current().callers;
  for (std::size_t i = 0; i < Step::kCallers && i < callers.size(); ++i) {
    step.callers[i] = callers[callers.size() - 1 - i];
  }
  trace_.push_back(std::move(step));
}

void Scheduler::note(const std::string& text) {
  if (keeps_trace_) trace_.push_back({.thread = current().id, .operation = Operation::Note, .note = text});
}

void Scheduler::take(const void* mutex) {
  owners_[mutex] = current().id;
  races_.acquire(current().id, mutex);
}

void Scheduler::give(const void* mutex) {
  owners_.erase(mutex);
  races_.release(current().id, mutex, true);
  races_.step(current().id);
}

void Scheduler::lock(const void* mutex, const void* place) {
  before(Operation::Lock, mutex, place);
  take(mutex);
}

bool Scheduler::try_lock(const void* mutex, const void* place) {
  before(Operation::TryLock, mutex, place);
  if (is_free(mutex)) {
    take(mutex);
    return true;
  }
  // Retries when the mutex is free, or when nothing else can run. Otherwise each attempt would be a step.
  auto& thread = current();
  thread.operation = Operation::Lock;
  for (std::size_t i = 0; i < count_; ++i) {
    if (&threads_[i] == current_ || !can_go_on(threads_[i])) continue;
    schedule(false);
    break;
  }
  return false;
}

void Scheduler::unlock(const void* mutex, const void* place) {
  const auto owner = owners_.find(mutex);
  if (owner == owners_.end() || owner->second != current().id)
    fail("a thread unlocks a mutex that it does not hold");
  record(Operation::Unlock, mutex, place);
  give(mutex);
}

bool Scheduler::wait(const void* condition, const void* mutex, std::optional<std::int64_t> deadline,
                     const void* place) {
  before(Operation::Wait, condition, place);
  give(mutex);
  auto& thread = current();
  thread.operation = Operation::Wake;
  thread.mutex = mutex;
  thread.is_woken = thread.timed_out = false;
  thread.deadline = deadline;
  thread.wait_number = ++waits_;
  schedule(true);
  take(mutex);
  record(Operation::Wake, condition, place);
  thread.operation = Operation::Start;
  return thread.timed_out;
}

void Scheduler::notify(const void* condition, bool all, const void* place) {
  before(all ? Operation::NotifyAll : Operation::NotifyOne, condition, place);
  while (true) {
    Thread* first = nullptr;  // the longest-waiting threads are woken first
    for (std::size_t i = 0; i < count_; ++i) {
      auto& thread = threads_[i];
      const bool sleeps = !thread.has_ended && thread.operation == Operation::Wake &&
                          thread.object == condition && !thread.is_woken;
      if (sleeps && (first == nullptr || thread.wait_number < first->wait_number)) first = &thread;
    }
    if (first == nullptr) return;
    first->is_woken = true;
    if (!all) return;
  }
}

void Scheduler::begin_atomic(Operation operation, const void* object, const void* place) {
  before(operation, object, place);
}

void Scheduler::end_atomic(Operation operation, const void* object, bool acquires, bool releases) {
  const auto id = current().id;
  if (acquires && operation != Operation::Store) races_.acquire(id, object);
  if (operation == Operation::Load) return;
  if (releases) {
    races_.release(id, object, operation == Operation::Store);
  } else if (operation == Operation::Store) {
    races_.forget(object);
  }
  races_.step(id);
}

std::int64_t Scheduler::look_at_clock() {
  return now_ns_ += kLook;
}

void Scheduler::access(Races::Access access) {
  if (fibers_[current().id].owns(access.address) || Fiber::is_thread_local(access.address)) return;
  races_.access(current().id, access);
}

void Scheduler::allocated(const void* memory, std::size_t bytes) {
  races_.allocated(memory, bytes);
}

bool Scheduler::keeps_freed(void* memory, std::size_t bytes) {
  races_.freed(memory, bytes);
  freed_.push_back(memory);
  return true;
}

void Scheduler::enter_function(const void* caller) {
  current().callers.push_back(caller);
}

void Scheduler::leave_function() {
  if (!current().callers.empty()) current().callers.pop_back();
}

}  // namespace freshframe::interleave
