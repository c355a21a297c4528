// How much processor time threads have had, and how long they waited for a processor.
// SPDX-License-Identifier: Apache-2.0
#include "why/thread_times.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace freshframe::core {

std::optional<ThreadTimes> thread_times(const std::string& task) {
  const int file = ::open((task + "/schedstat").c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  std::array<char, 128> bytes{};  // "COMPUTED QUEUED TURNS"
  const auto got = ::read(file, bytes.data(), bytes.size());
  ::close(file);
  if (got <= 0) return std::nullopt;
  const auto* next = bytes.data();
  const auto* const end = next + got;
  ThreadTimes out;
  for (double* const each : {&out.computed, &out.waited}) {
    std::uint64_t nanoseconds = 0;
    const auto number = std::from_chars(next, end, nanoseconds);
    if (number.ec != std::errc{} || number.ptr == end) return std::nullopt;
    *each = static_cast<double>(nanoseconds) * 1e-9;
    next = number.ptr + 1;
  }
  return out;
}

// The run-queue delay of all threads of a process.

namespace {

void add_tasks(const std::string& process, RunQueue& out) {
  std::error_code error;
  // A process or a thread may end meanwhile.
  for (std::filesystem::directory_iterator each("/proc/" + process + "/task", error), end;
       !error && each != end; each.increment(error)) {
    const auto name = each->path().filename().string();
    int thread = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), thread).ec != std::errc{}) continue;
    if (const auto times = thread_times(each->path().string())) out.waited[thread] = times->waited;
  }
}

}  // namespace

RunQueue read_run_queue(const std::vector<int>& other_processes) {
  RunQueue out;
  add_tasks("self", out);
  for (const int process : other_processes) {
    if (process > 0) add_tasks(std::to_string(process), out);
  }
  return out;
}

double RunQueue::of_node(const RunQueue& before, int node) const {
  const auto thread = node_threads.find(node);
  if (thread == node_threads.end()) return 0;
  const auto now = waited.find(thread->second);
  const auto then = before.waited.find(thread->second);
  return now != waited.end() && then != before.waited.end() ? now->second - then->second : 0;
}

double RunQueue::of_all(const RunQueue& before) const {
  double sum = 0;
  for (const auto& [thread, now] : waited) {
    if (const auto then = before.waited.find(thread); then != before.waited.end()) sum += now - then->second;
  }
  return sum;
}

}  // namespace freshframe::core
