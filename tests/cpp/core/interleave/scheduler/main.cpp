// Runs every schedule of each program with no preemption, then with one, then with two. Reports failures and
// how to reproduce them.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "choices.hpp"
#include "program.hpp"
#include "scheduler.hpp"
#include "trace.hpp"
#include <unistd.h>

namespace freshframe::interleave {
namespace {

constexpr long kQuick = 12'000;  // schedules of a program, ten seconds in total

int chosen_fault = 0;

struct Arguments {
  std::vector<std::string> names;
  int bound = 2;
  long most = 0;  // executions of a program per bound; 0: all
  Choices::Schedule replay;
  bool lists = false;
  bool is_quiet = false;
};

std::string text_of(const Choices::Schedule& schedule) {
  std::string text;
  for (const int number : schedule) text += (text.empty() ? "" : ",") + std::to_string(number);
  return text;
}

Choices::Schedule schedule_of(const std::string& text) {
  Choices::Schedule result;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find(',', at), text.size());
    result.push_back(std::stoi(text.substr(at, end - at)));
    at = end + 1;
  }
  return result;
}

Arguments arguments_of(int count, char** values) {
  Arguments result;
  for (int i = 1; i < count; ++i) {
    const std::string_view name = values[i];
    const auto value = [&]() -> std::string {
      if (i + 1 == count) throw std::invalid_argument(std::string(name) + " needs a value");
      return values[++i];
    };
    if (name == "--bound") {
      result.bound = std::stoi(value());
    } else if (name == "--most") {
      result.most = std::stol(value());
    } else if (name == "--fault") {
      chosen_fault = std::stoi(value());
    } else if (name == "--replay") {
      result.replay = schedule_of(value());
    } else if (name == "--list") {
      result.lists = true;
    } else if (name == "--quick") {
      // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
      const char* const tier = std::getenv("FRESHFRAME_TEST_TIER");
      const std::string_view chosen = tier == nullptr ? "all" : tier;
      if (chosen != "full") result.most = chosen == "all" ? kQuick : kQuick / 8;
    } else if (name == "--quiet") {
      result.is_quiet = true;
    } else if (name.starts_with("--")) {
      throw std::invalid_argument("there is no option " + std::string(name));
    } else {
      result.names.emplace_back(name);
    }
  }
  return result;
}

// ---- a crash is also a failure: prints its schedule with async-signal-safe functions only

struct Running {
  const char* program = "";
  long execution = 0;
  const Choices* choices = nullptr;
};
Running running;

void write_text(const char* text) {
  [[maybe_unused]] const auto written = write(STDOUT_FILENO, text, std::strlen(text));
}

void crashed(int signal) {
  std::array<char, 512> text{};
  const auto& choices = *running.choices;
  std::snprintf(text.data(), text.size(),
                "FAILED %s at bound %d, execution %ld: a crash by signal %d in '%s'\n", running.program,
                choices.bound(), running.execution, signal, scheduler().running_thread().c_str());
  write_text(text.data());
  write_text(("  again: --bound " + std::to_string(choices.bound()) + " --replay " +
              text_of(choices.schedule()) + "\n")
                 .c_str());
  _exit(2);
}

void catch_crashes() {
  static std::array<char, std::size_t{64} << 10> other_stack;
  stack_t stack{};
  stack.ss_sp = other_stack.data();
  stack.ss_size = other_stack.size();
  sigaltstack(&stack, nullptr);
  struct sigaction action = {};
  action.sa_handler = crashed;
  action.sa_flags = SA_ONSTACK;
  for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE}) sigaction(signal, &action, nullptr);
}

// ---- the search

struct Found {
  Execution execution;
  Choices::Schedule schedule;
  long executions = 0;
  bool is_complete = false;
};

/// Runs the program with each schedule within the bound, or with the first `most`, until one fails.
Found search(const Program& program, Choices& choices, long most) {
  Found found;
  running = {program.name.c_str(), 0, &choices};
  while (found.execution.failure.empty() && (most == 0 || found.executions < most)) {
    running.execution = ++found.executions;
    found.execution = scheduler().execute(program, choices, false);
    found.schedule = choices.schedule();
    if (scheduler().learned()) {
      choices.restart();
      found.execution = {};
      continue;
    }
    if (found.execution.failure.empty() && !choices.advance()) {
      found.is_complete = true;
      break;
    }
  }
  return found;
}

void print_failure(const Program& program, const Choices::Schedule& schedule, int bound, bool is_quiet) {
  Choices again(bound);
  again.replay(schedule);
  const auto seen = scheduler().execute(program, again, true);
  if (!is_quiet) print_trace(scheduler());
  std::printf("  again: %s --bound %d --replay %s\n", program.name.c_str(), bound, text_of(schedule).c_str());
  std::printf("  which gives: %s\n", seen.failure.empty() ? "nothing" : seen.failure.c_str());
  if (seen.race.what.empty()) return;
  std::printf("  %s: %s and %s\n", seen.race.what.c_str(), source_line(seen.race.place).c_str(),
              source_line(seen.race.other).c_str());
}

/// Returns true if all schedules that were run passed.
bool check(const Program& program, const Arguments& arguments) {
  scheduler().begin_program();
  Found found;
  for (int bound = 0; bound <= arguments.bound;
       ++bound) {  // reports a failure with as few preemptions as possible
    Choices choices(bound);
    found = search(program, choices, arguments.most);
    if (found.execution.failure.empty()) continue;
    std::printf("FAILED %s at bound %d, execution %ld: %s\n", program.name.c_str(), bound, found.executions,
                found.execution.failure.c_str());
    print_failure(program, found.schedule, bound, arguments.is_quiet);
    return false;
  }
  std::printf("%-24s bound %d: %s %6ld orders, %2zu ends\n", program.name.c_str(), arguments.bound,
              found.is_complete ? "all" : "the first", found.executions, scheduler().outcomes().size());
  std::fflush(stdout);
  return true;
}

/// Learns the places where the order matters in the same search as before.
bool replay(const Program& program, const Arguments& arguments) {
  scheduler().begin_program();
  constexpr long kMost = 20'000;
  bool fails = false;
  for (int bound = 0; bound <= arguments.bound && !fails; ++bound) {
    Choices choices(bound);
    fails = !search(program, choices, kMost).execution.failure.empty();
  }
  print_failure(program, arguments.replay, arguments.bound, arguments.is_quiet);
  return false;
}

int run(const Arguments& arguments) {
  catch_crashes();
  bool holds = true;
  bool any = false;
  for (const auto& program : programs()) {
    const auto& names = arguments.names;
    if (!names.empty() && std::find(names.begin(), names.end(), program.name) == names.end()) continue;
    any = true;
    if (arguments.lists) {
      std::printf("%s\n", program.name.c_str());
    } else if (!arguments.replay.empty()) {
      holds = replay(program, arguments) && holds;
    } else {
      holds = check(program, arguments) && holds;
    }
  }
  if (!any) throw std::invalid_argument("there is no such program; --list says which there are");
  return holds ? 0 : 1;
}

}  // namespace
}  // namespace freshframe::interleave

/// Called where planted_faults.py has planted a fault.
bool freshframe_planted(int number);
bool freshframe_planted(int number) {
  return number == freshframe::interleave::chosen_fault;
}

int main(int count, char** values) {
  int status = 2;
  try {
    status = freshframe::interleave::run(freshframe::interleave::arguments_of(count, values));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
  std::fflush(stdout);
  // Nothing is destroyed, because the threads of a failed program are still in the middle of their work.
  _exit(status);
}
