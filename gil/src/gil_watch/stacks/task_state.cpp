// Reads /proc/self/task. Names the system calls that threads wait in.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/stacks/task_state.hpp"

#include <array>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "gil_watch/stacks/memory.hpp"
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace freshframe::gil {
namespace {

constexpr std::size_t kReadStackBytes = std::size_t{256} * 1024;

std::string read_task_file(pid_t thread, const char* name) {
  const std::string path = "/proc/self/task/" + std::to_string(thread) + "/" + name;
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return "";
  std::array<char, 256> text{};
  const ssize_t got = ::read(file, text.data(), text.size());
  ::close(file);
  return got > 0 ? std::string(text.data(), static_cast<std::size_t>(got)) : "";
}

// System calls that can block. Legacy ones exist on x86-64 only.
constexpr std::pair<long, std::string_view> kNames[] = {
#ifdef SYS_open
    {SYS_open, "open"},
    {SYS_poll, "poll"},
    {SYS_select, "select"},
    {SYS_epoll_wait, "epoll_wait"},
    {SYS_pause, "pause"},
    {SYS_rename, "rename"},
    {SYS_unlink, "unlink"},
    {SYS_mkdir, "mkdir"},
    {SYS_stat, "stat"},
    {SYS_vfork, "vfork"},
    {SYS_fork, "fork"},
#endif
    {SYS_accept, "accept"},
    {SYS_accept4, "accept4"},
    {SYS_clock_nanosleep, "clock_nanosleep"},
    {SYS_clone, "clone"},
    {SYS_close, "close"},
    {SYS_connect, "connect"},
    {SYS_copy_file_range, "copy_file_range"},
    {SYS_epoll_pwait, "epoll_pwait"},
    {SYS_execve, "execve"},
    {SYS_fallocate, "fallocate"},
    {SYS_fcntl, "fcntl"},
    {SYS_fdatasync, "fdatasync"},
    {SYS_flock, "flock"},
    {SYS_fsync, "fsync"},
    {SYS_futex, "futex"},
    {SYS_getdents64, "getdents64"},
    {SYS_getrandom, "getrandom"},
    {SYS_io_uring_enter, "io_uring_enter"},
    {SYS_ioctl, "ioctl"},
    {SYS_madvise, "madvise"},
    {SYS_mmap, "mmap"},
    {SYS_msgrcv, "msgrcv"},
    {SYS_msgsnd, "msgsnd"},
    {SYS_msync, "msync"},
    {SYS_munmap, "munmap"},
    {SYS_nanosleep, "nanosleep"},
    {SYS_newfstatat, "newfstatat"},
    {SYS_openat, "openat"},
    {SYS_ppoll, "ppoll"},
    {SYS_pread64, "pread64"},
    {SYS_preadv, "preadv"},
    {SYS_pselect6, "pselect6"},
    {SYS_pwrite64, "pwrite64"},
    {SYS_read, "read"},
    {SYS_readv, "readv"},
    {SYS_recvfrom, "recvfrom"},
    {SYS_recvmmsg, "recvmmsg"},
    {SYS_recvmsg, "recvmsg"},
    {SYS_rt_sigsuspend, "rt_sigsuspend"},
    {SYS_rt_sigtimedwait, "rt_sigtimedwait"},
    {SYS_semtimedop, "semtimedop"},
    {SYS_sendfile, "sendfile"},
    {SYS_sendmsg, "sendmsg"},
    {SYS_sendto, "sendto"},
    {SYS_splice, "splice"},
    {SYS_statx, "statx"},
    {SYS_sync, "sync"},
    {SYS_syncfs, "syncfs"},
    {SYS_unlinkat, "unlinkat"},
    {SYS_wait4, "wait4"},
    {SYS_waitid, "waitid"},
    {SYS_write, "write"},
    {SYS_writev, "writev"},
};

}  // namespace

std::optional<TaskState> read_task_state(pid_t thread) {
  const std::string text = read_task_file(thread, "syscall");
  if (text.empty()) return std::nullopt;
  if (text.starts_with("running")) return TaskState{};
  // "NUMBER ARGUMENT*6 SP PC", or "-1 SP PC" if it is blocked outside of a system call.
  TaskState state{.running = false};
  std::array<std::uint64_t, 8> words{};
  const int found =
      std::sscanf(  // NOLINT(bugprone-unchecked-string-to-number-conversion): the kernel writes it
          text.c_str(),
          "%ld %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64,
          &state.system_call, words.data(), &words[1], &words[2], &words[3], &words[4], &words[5], &words[6],
          &words[7]);
  if (found != 3 && found != 9) return std::nullopt;
  state.stack_pointer = words[static_cast<std::size_t>(found) - 3];
  state.counter = words[static_cast<std::size_t>(found) - 2];
  return state;
}

std::optional<StackSample> sample_waiting(pid_t thread, const TaskState& state) {
  if (state.running) return std::nullopt;
  StackSample sample;
  sample.thread = thread;
  sample.set(kStackRegister, state.stack_pointer);
  sample.set(kCounterRegister, state.counter);
  sample.stack.resize(kReadStackBytes);
  sample.stack.resize(read_up_to(state.stack_pointer, sample.stack));
  if (sample.stack.empty() || read_task_state(thread) != state) return std::nullopt;
  return sample;
}

std::string system_call_name(long number) {
  if (number < 0) return "page fault";
  for (const auto& [known, name] : kNames) {
    if (known == number) return std::string(name);
  }
  return "system call " + std::to_string(number);
}

clockid_t cpu_clock(pid_t thread) {
  return static_cast<clockid_t>(~static_cast<unsigned>(thread) << 3U | 6U);
}

std::chrono::nanoseconds computed_time(pid_t thread) {
  timespec time{};
  if (::clock_gettime(cpu_clock(thread), &time) != 0) return {};
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// schedstat also has the CPU time, but for a running thread only up to its last tick.
TaskTimes task_times(pid_t thread) {
  TaskTimes times{.computed = computed_time(thread), .queued = {}};
  const std::string text = read_task_file(thread, "schedstat");  // "COMPUTED QUEUED TURNS"
  const std::size_t space = text.find(' ');
  if (space != std::string::npos)
    times.queued = std::chrono::nanoseconds(std::strtoll(text.c_str() + space, nullptr, 10));
  return times;
}

std::string task_name(pid_t thread) {
  std::string name = read_task_file(thread, "comm");
  if (!name.empty() && name.back() == '\n') name.pop_back();
  return name;
}

}  // namespace freshframe::gil
