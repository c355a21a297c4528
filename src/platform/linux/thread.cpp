// POSIX threads, and their statistics in /proc.
// SPDX-License-Identifier: Apache-2.0
#include "platform/thread.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <exception>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

namespace freshframe::platform {

void name_thread(std::string_view name) noexcept {
  constexpr std::size_t kLongest = 15;  // the kernel's limit in bytes; longer names are rejected
  std::array<char, kLongest + 1> text{};
  std::ranges::copy(name.substr(0, kLongest), text.begin());
  ::pthread_setname_np(::pthread_self(), text.data());
}

int thread_number() noexcept {
  return ::gettid();
}

std::chrono::nanoseconds processor_time() noexcept {
  timespec spent{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return std::chrono::seconds(spent.tv_sec) + std::chrono::nanoseconds(spent.tv_nsec);
}

// Each thread has its own nice value on Linux (nice(2), "C library/kernel differences").
void give_way() noexcept {
  constexpr int kNice = 10;
  static_cast<void>(::nice(kNice));
}

std::thread start_without_signals(std::string_view name, std::function<void()> body) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);  // inherited by the new thread
  std::thread thread;
  std::exception_ptr failure;
  try {
    thread = std::thread([text = std::string(name), body = std::move(body)] {
      name_thread(text);
      body();
    });
  } catch (...) {
    failure = std::current_exception();
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (failure) std::rethrow_exception(failure);
  return thread;
}

namespace {

/// `task`: the thread's directory in /proc.
std::optional<ThreadTimes> times_in(const std::string& task) {
  const int file = ::open((task + "/schedstat").c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  std::array<char, 128> bytes{};  // nanoseconds on a CPU, nanoseconds waiting, time slices
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

void add_threads(const std::string& process, std::map<int, ThreadTimes>& out) {
  std::error_code error;
  // Processes and threads may end in the meantime.
  for (std::filesystem::directory_iterator each("/proc/" + process + "/task", error), end;
       !error && each != end; each.increment(error)) {
    const auto name = each->path().filename().string();
    int thread = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), thread).ec != std::errc{}) continue;
    if (const auto times = times_in(each->path().string())) out[thread] = *times;
  }
}

}  // namespace

std::optional<ThreadTimes> thread_times(int thread) {
  return times_in("/proc/self/task/" + std::to_string(thread));
}

std::map<int, ThreadTimes> all_thread_times(const std::vector<int>& others) {
  std::map<int, ThreadTimes> out;
  add_threads("self", out);
  for (const int process : others) {
    if (process > 0) add_threads(std::to_string(process), out);
  }
  return out;
}

}  // namespace freshframe::platform
