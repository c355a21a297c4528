// A small program with a few threads, which the scheduler runs once with every schedule.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace freshframe::interleave {

/// The objects that the threads of a program share. They are created for each execution and destroyed at its
/// end. The constructor adds the threads, which then run in one schedule. A failed check anywhere ends the
/// execution.
class World {
 public:
  struct Thread {
    std::string name;
    std::function<void()> body;
  };

  World() = default;
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  virtual ~World() = default;

  [[nodiscard]] const std::vector<Thread>& threads() const noexcept { return threads_; }
  [[nodiscard]] bool deadlines_come_early() const noexcept { return early_; }
  /// Checks what must hold once all threads have ended.
  virtual void check() {}

 protected:
  void thread(std::string name, std::function<void()> body) {
    threads_.push_back({std::move(name), std::move(body)});
  }
  /// Makes time advance only when nothing else can run. Otherwise a deadline may also pass earlier, as a
  /// preemption.
  void deadlines_come_last() noexcept { early_ = false; }

 private:
  std::vector<Thread> threads_;
  bool early_ = true;
};

struct Program {
  std::string name;
  std::function<std::unique_ptr<World>()> make;
};

/// All programs of this executable.
std::vector<Program>& programs();

template <class W>
struct Registered {
  explicit Registered(std::string name) {
    programs().push_back({std::move(name), [] { return std::make_unique<W>(); }});
  }
};

/// Fails the program with this schedule and ends the execution. Also for problems found after the threads
/// have ended.
[[noreturn]] void fail(const std::string& what);
inline void expect(bool holds, const char* what) {
  if (!holds) fail(what);
}
/// Adds a line to the trace of a failure.
void note(const std::string& text);
/// Records an outcome of the program. The report counts distinct outcomes: a program with only one has shown
/// little.
void outcome(const std::string& text);
/// How many times a deadline had to pass because nothing else could run.
[[nodiscard]] int forced_deadlines();
/// The simulated time since the start of the execution.
[[nodiscard]] std::int64_t now_ns();

}  // namespace freshframe::interleave

/// Defines a program: the body is the constructor of a class derived from `Base`.
#define FRESHFRAME_INTERLEAVE(Name, Base)                                    \
  struct Name final : Base {                                                 \
    Name();                                                                  \
  };                                                                         \
  const ::freshframe::interleave::Registered<Name> registered_##Name{#Name}; \
  Name::Name()
