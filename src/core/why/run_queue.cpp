// The run-queue delay of threads: the second number of their schedstat, in nanoseconds.
// SPDX-License-Identifier: Apache-2.0
#include "core/why/run_queue.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace freshframe::core {
namespace {

std::optional<double> run_queue_delay(const std::filesystem::path& task) {
  const int file = ::open((task / "schedstat").c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  std::array<char, 128> bytes{};
  const auto got = ::read(file, bytes.data(), bytes.size());
  ::close(file);
  if (got <= 0) return std::nullopt;
  const std::string_view line(bytes.data(), static_cast<std::size_t>(got));
  const auto space = line.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  std::uint64_t nanoseconds = 0;
  const auto* const begin = line.data() + space + 1;
  if (std::from_chars(begin, line.data() + line.size(), nanoseconds).ec != std::errc{}) return std::nullopt;
  return static_cast<double>(nanoseconds) * 1e-9;
}

void add_tasks(const std::string& process, RunQueue& out) {
  std::error_code error;
  // A process or a thread may end meanwhile.
  for (std::filesystem::directory_iterator each("/proc/" + process + "/task", error), end;
       !error && each != end; each.increment(error)) {
    const auto name = each->path().filename().string();
    int thread = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), thread).ec != std::errc{}) continue;
    if (const auto delay = run_queue_delay(each->path())) out.waited[thread] = *delay;
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
