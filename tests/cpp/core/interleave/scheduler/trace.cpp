// Finds source lines with addr2line, and prints a column for each thread.
// SPDX-License-Identifier: Apache-2.0
#include "trace.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string_view>

#include <link.h>
#include <unistd.h>

namespace freshframe::interleave {
namespace {

constexpr std::array<const char*, 13> kNames{"start",  "lock",       "try_lock",   "unlock", "wait",
                                             "wake",   "notify_one", "notify_all", "load",   "store",
                                             "change", "end",        "note"};
// Files that every lock and wait passes through, so that their lines explain nothing.
constexpr std::array<std::string_view, 9> kBetween{"mutex",         "std_mutex.h",        "gthr-default.h",
                                                   "unique_lock.h", "condition_variable", "atomic_base.h",
                                                   "atomic",        "lock_soon.hpp",      "clock.hpp"};

std::uintptr_t load_address() {
  std::uintptr_t result = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t /*bytes*/, void* address) {
        *static_cast<std::uintptr_t*>(address) = info->dlpi_addr;
        return 1;  // the executable is listed first
      },
      &result);
  return result;
}

std::string executable() {
  constexpr std::size_t kMost = 4096;
  std::array<char, kMost> path{};
  const auto length = readlink("/proc/self/exe", path.data(), path.size() - 1);
  return {path.data(), length > 0 ? static_cast<std::size_t>(length) : 0};
}

bool is_between(std::string_view file) {
  return file.empty() || file.front() == '?' || file == "mutex.hpp" ||
         std::find(kBetween.begin(), kBetween.end(), file) != kBetween.end();
}

// A letter for the kind of object, and its number in this trace.
char letter_of(Operation operation) {
  if (operation <= Operation::Unlock) return 'm';
  return operation <= Operation::NotifyAll ? 'c' : 'a';
}

}  // namespace

std::string source_line(const void* place) {
  static std::map<const void*, std::string> known;
  if (place == nullptr) return {};
  const auto [entry, is_new] = known.try_emplace(place);
  if (!is_new) return entry->second;
  constexpr std::size_t kMost = 512;
  std::array<char, kMost> line{};
  std::snprintf(line.data(), line.size(), " %#zx",  // the call itself, not the return address
                static_cast<std::size_t>(reinterpret_cast<std::uintptr_t>(place) - load_address() - 1));
  // NOLINTNEXTLINE(bugprone-command-processor): the path of this very program, and numbers
  FILE* const output = popen(("addr2line -s -i -e '" + executable() + "'" + line.data()).c_str(), "r");
  if (output == nullptr) return {};
  while (std::fgets(line.data(), static_cast<int>(line.size()), output) != nullptr) {
    const std::string_view text(line.data());
    const auto end = std::min(text.find_first_of(" \n"), text.size());
    if (is_between(text.substr(0, std::min(text.find(':'), end)))) continue;
    entry->second = text.substr(0, end);
    break;
  }
  pclose(output);
  return entry->second;
}

void print_trace(const Scheduler& scheduler) {
  std::map<const void*, std::string> names;
  std::map<char, int> numbers;
  for (const auto& step : scheduler.trace()) {
    const auto thread = scheduler.thread_name(step.thread);
    if (step.operation == Operation::Note) {
      std::printf("  %-10s -- %s\n", thread.c_str(), step.note.c_str());
      continue;
    }
    auto& name = names[step.object];
    const char letter = letter_of(step.operation);
    if (name.empty() && step.object != nullptr) name = letter + std::to_string(++numbers[letter]);
    std::string lines = source_line(step.place);
    for (const void* const caller : step.callers) {
      const auto line = source_line(caller);
      if (!line.empty() && lines.find(line) == std::string::npos)
        lines += (lines.empty() ? "" : " < ") + line;
    }
    const auto indent = 2 * static_cast<int>(step.thread);
    std::printf("  %-10s %*s%-10s %-4s %s\n", thread.c_str(), indent, "",
                kNames[static_cast<std::size_t>(step.operation)], name.c_str(), lines.c_str());
  }
}

}  // namespace freshframe::interleave
