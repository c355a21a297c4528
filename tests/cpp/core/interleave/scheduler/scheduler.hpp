// Runs the threads of a program with one schedule, and decides at each of their operations which thread
// continues.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "choices.hpp"
#include "fibers.hpp"
#include "program.hpp"
#include "races.hpp"

namespace freshframe::interleave {

enum class Operation : std::uint8_t {
  Start,
  Lock,
  TryLock,
  Unlock,
  Wait,
  Wake,
  NotifyOne,
  NotifyAll,
  Load,
  Store,
  Change,  // an atomic read-modify-write
  End,
  Note,
};

/// One operation of an execution, as the trace prints it.
struct Step {
  static constexpr std::size_t kCallers = 3;

  std::size_t thread = 0;
  Operation operation = Operation::Start;
  const void* object = nullptr;
  const void* place = nullptr;  // address of the code of the operation
  /// The call stack, innermost function first.
  std::array<const void*, kCallers> callers = {};
  std::string note = {};
};

/// The result of an execution.
struct Execution {
  std::string failure;  // empty if everything passed
  Race race;            // the race that was found, if any
  std::uint64_t steps = 0;
};

/// The scheduler of this process. Everything runs on one thread of the operating system.
class Scheduler {
 public:
  /// Runs the program once, with the schedule in `choices`. `keeps_trace`: for trace().
  Execution execute(const Program& program, Choices& choices, bool keeps_trace);
  /// Call before another program: forgets the objects whose order matters.
  void begin_program();
  /// Returns true if the last execution found further places where the order matters. The search must then be
  /// restarted.
  [[nodiscard]] bool learned() const noexcept { return learned_; }
  [[nodiscard]] const std::vector<Step>& trace() const noexcept { return trace_; }
  [[nodiscard]] const std::set<std::string>& outcomes() const noexcept { return outcomes_; }
  [[nodiscard]] std::string thread_name(std::size_t thread) const { return threads_[thread].name; }
  [[nodiscard]] std::string running_thread() const { return is_on() ? current().name : "the check"; }

  // ---- for the threads of the program
  [[noreturn]] void fail(const std::string& what);
  void note(const std::string& text);
  void outcome(const std::string& text) { outcomes_.insert(text); }
  [[nodiscard]] int forced_deadlines() const noexcept { return forced_deadlines_; }
  [[nodiscard]] std::int64_t now_ns() const noexcept { return now_ns_; }

  // ---- for the functions that they call (calls.cpp); `place` is in the caller's code
  /// Returns true if a thread of the program is running.
  [[nodiscard]] bool is_on() const noexcept { return current_ != nullptr; }
  /// Advances the time a little, so that a spin that checks the clock ends.
  std::int64_t look_at_clock();
  void lock(const void* mutex, const void* place);
  [[nodiscard]] bool try_lock(const void* mutex, const void* place);
  void unlock(const void* mutex, const void* place);
  /// nullopt: no deadline. Returns true if the deadline passed.
  [[nodiscard]] bool wait(const void* condition, const void* mutex, std::optional<std::int64_t> deadline,
                          const void* place);
  void notify(const void* condition, bool all, const void* place);
  /// Called before and after an operation on an atomic object. `acquires` and `releases` follow from its
  /// memory order.
  void begin_atomic(Operation operation, const void* object, const void* place);
  void end_atomic(Operation operation, const void* object, bool acquires, bool releases);
  void access(Races::Access access);
  void allocated(const void* memory, std::size_t bytes);
  /// Returns true if it keeps the memory until the end of the execution, so that a later use is detected.
  [[nodiscard]] bool keeps_freed(void* memory, std::size_t bytes);
  void enter_function(const void* caller);
  void leave_function();

 private:
  struct Thread {
    std::string name;
    std::size_t id = 0;
    bool has_ended = false;
    bool spins = false;  // it yields to the others
    // Its next operation, or what it waits for.
    Operation operation = Operation::Start;
    const void* object = nullptr;
    const void* mutex = nullptr;  // mutex of a Wake
    bool is_woken = false;
    bool timed_out = false;
    std::optional<std::int64_t> deadline;
    std::uint64_t wait_number = 0;
    // The previous operation, to detect spinning.
    Operation last_operation = Operation::Start;
    const void* last_object = nullptr;
    const void* last_place = nullptr;
    std::vector<const void*> callers;
  };
  /// Who uses an object, and where. An object that only one thread uses is not a choice.
  struct Uses {
    std::size_t thread = 0;
    bool is_shared = false;
    std::vector<const void*> places;
  };

  // Exists from begin_execution() on.
  // NOLINTNEXTLINE(clang-analyzer-core.uninitialized.UndefReturn)
  [[nodiscard]] Thread& current() noexcept { return *current_; }
  [[nodiscard]] const Thread& current() const noexcept { return *current_; }
  void begin_execution(bool keeps_trace);
  void run_threads(World& world);
  static void run_thread();
  [[noreturn]] void leave_program();
  void switch_to(Thread& next);

  [[nodiscard]] bool is_free(const void* mutex) const { return !owners_.contains(mutex); }
  [[nodiscard]] bool can_go_on(const Thread& thread) const;
  [[nodiscard]] bool can_time_out(const Thread& thread) const;
  /// The threads that can make the next step. `is_choice`: also in place of the current thread.
  [[nodiscard]] Options options(bool is_choice);
  void add_others(Options& options, bool stays) const;
  void add_deadlines(Options& options, bool stays) const;
  [[nodiscard]] std::string who_is_stuck() const;
  /// Lets the next thread make its step. Returns when it is this thread's turn again.
  void schedule(bool is_choice);
  void before(Operation operation, const void* object, const void* place);
  /// Returns true if the order of operations at that place matters.
  bool note_use(const void* object, const void* place);
  void learn(const void* place);
  void take(const void* mutex);
  void give(const void* mutex);
  void record(Operation operation, const void* object, const void* place);

  std::array<Fiber, kMostThreads> fibers_;
  Fiber main_;
  std::array<Thread, kMostThreads> threads_;
  std::size_t count_ = 0;
  Thread* current_ = nullptr;
  World* world_ = nullptr;
  Choices* choices_ = nullptr;

  std::uint64_t steps_ = 0;
  std::uint64_t waits_ = 0;
  std::int64_t now_ns_ = 0;
  int forced_deadlines_ = 0;
  std::string failure_;
  std::unordered_map<const void*, std::size_t> owners_;  // the owners of locked mutexes
  Races races_;
  std::vector<void*> freed_;
  bool keeps_trace_ = false;
  std::vector<Step> trace_;

  std::unordered_map<const void*, Uses> uses_;
  std::unordered_set<const void*> shared_places_;
  bool learned_ = false;
  std::set<std::string> outcomes_;
};

Scheduler& scheduler();

/// Set while code of the scheduler runs: its own memory and locks are not part of the program. Calls from the
/// program arrive while `watches` is true.
class Inside {
 public:
  static bool watches;

  Inside() noexcept { watches = false; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  ~Inside() { watches = true; }
};

}  // namespace freshframe::interleave
