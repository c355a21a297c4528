// The search through all schedules of a program: which thread makes the next step at each choice.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace freshframe::interleave {

inline constexpr int kMostThreads = 6;

/// A possible next event: a thread makes a step, or its deadline passes and wakes it.
struct Option {
  std::uint8_t thread = 0;
  bool by_deadline = false;
  bool preempts = false;  // the thread that made the last step could have continued
  bool operator==(const Option&) const = default;
};
/// An upper limit for one choice: each thread once for a step and once for its deadline.
struct Options {
  std::array<Option, 2 * std::size_t{kMostThreads}> all{};
  std::size_t count = 0;
  void add(Option option) { all[count++] = option; }
};

/// A depth-first search over the schedules of one program, with at most `bound` preemptions per execution. At
/// each choice the first option is tried first. A schedule is written as a list of numbers, one per choice:
/// the thread, plus kDeadline if its deadline passes.
class Choices {
 public:
  static constexpr int kDeadline = 64;
  using Schedule = std::vector<int>;

  explicit Choices(int bound) : bound_(bound) {}

  void begin_execution() {
    at_ = 0;
    preemptions_ = 0;
  }
  /// Returns the option for the next step. nullopt: the choice differs from the same choice in the previous
  /// execution, so the program depends on something other than its schedule.
  [[nodiscard]] std::optional<Option> pick(const Options& options);
  /// Moves to the next schedule. Returns false after the last one.
  bool advance();
  /// Restarts the search.
  void restart() { made_.clear(); }
  /// Makes all further executions follow one schedule.
  void replay(Schedule schedule) { replayed_ = std::move(schedule); }

  [[nodiscard]] Schedule schedule() const;
  [[nodiscard]] int preemptions() const noexcept { return preemptions_; }
  [[nodiscard]] int bound() const noexcept { return bound_; }
  /// The choices of this execution.
  [[nodiscard]] std::size_t count() const noexcept { return at_; }

 private:
  struct Made {
    Options options;
    std::size_t taken = 0;
    int preemptions = 0;  // before it
  };

  [[nodiscard]] bool affords(const Made& made, std::size_t option) const {
    return made.preemptions + (made.options.all[option].preempts ? 1 : 0) <= bound_;
  }
  [[nodiscard]] std::size_t replayed(const Options& options) const;

  const int bound_;
  int preemptions_ = 0;
  std::size_t at_ = 0;
  std::vector<Made> made_;
  std::optional<Schedule> replayed_;
};

}  // namespace freshframe::interleave
