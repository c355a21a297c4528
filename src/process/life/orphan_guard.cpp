// Kills a worker's whole session when its parent process has ended.
// SPDX-License-Identifier: Apache-2.0
#include "process/life/orphan_guard.hpp"

#include "freshframe/error.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <system_error>

#include "platform/thread.hpp"
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace freshframe::process {

namespace {

constexpr int kPause = 1;  // milliseconds between two passes, because killed processes need time to exit
// Fields of linux_dirent64 before the name: inode, offset, length and type.
constexpr std::size_t kNameOffset = 8 + 8 + 2 + 1;
constexpr std::size_t kLengthOffset = 8 + 8;

/// Parses the name of a folder in /proc as a process id. Returns 0 if it is not a number.
int read_pid(const char* name) noexcept {
  int number = 0;
  for (; *name != '\0'; ++name) {
    if (*name < '0' || *name > '9') return 0;
    number = number * 10 + (*name - '0');
  }
  return number;
}

/// The pid may have been reused in the meantime, so the session is checked again once the pidfd is open.
bool kill_member(int process, int session) noexcept {
  if (::getsid(process) != session) return false;
  const int handle = static_cast<int>(::syscall(SYS_pidfd_open, process, 0));
  if (handle < 0) return false;
  const bool is_member = ::getsid(process) == session;
  if (is_member) ::syscall(SYS_pidfd_send_signal, handle, SIGKILL, nullptr, 0);
  ::close(handle);
  return is_member;
}

/// Kills the other processes of the session once. Returns true if there were any. Does not use readdir(),
/// which may allocate.
bool kill_members(int session) noexcept {
  const int folder = ::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return false;
  const int self = ::getpid();
  bool found = false;
  alignas(std::uint64_t) std::array<char, 8192> entries{};
  while (true) {
    const auto got = ::syscall(SYS_getdents64, folder, entries.data(), entries.size());
    if (got <= 0) break;
    std::size_t length = 0;
    for (std::size_t at = 0; at < static_cast<std::size_t>(got); at += length) {
      std::uint16_t bytes = 0;
      std::memcpy(&bytes, entries.data() + at + kLengthOffset, sizeof bytes);
      length = bytes;
      const int process = read_pid(entries.data() + at + kNameOffset);
      if (process > 0 && process != self && kill_member(process, session)) found = true;
    }
  }
  ::close(folder);
  return found;
}

}  // namespace

void end_session(int session, int most_looks) noexcept {
  for (int look = 0; look < most_looks && kill_members(session); ++look) ::poll(nullptr, 0, kPause);
}

namespace {

// Maximum number of passes: a process in the session may be impossible to kill.
constexpr int kLastLooks = 200;

std::atomic<int> parent_of_worker{0};
std::atomic<int> worker{0};

// This process is the session leader. Its process group is killed last.
void end_this_session() noexcept {
  end_session(::getpid(), kLastLooks);
  ::kill(0, SIGKILL);
}

// Signal handler. The signal may also come from elsewhere, or reach a process forked by the worker, which
// inherits the handler.
void on_continue(int /*signal*/) {
  if (::getpid() != worker.load(std::memory_order_relaxed)) return;
  if (::getppid() != parent_of_worker.load(std::memory_order_relaxed)) end_this_session();
}

void watch(int socket, int parent, int end) {
  pollfd watched[] = {{socket, 0, 0}, {parent, POLLIN, 0}, {end, POLLIN, 0}};
  while (true) {
    if (::poll(watched, 3, -1) < 0 && errno == EINTR) continue;
    if (watched[2].revents != 0) return;
    end_this_session();
  }
}

}  // namespace

OrphanGuard::OrphanGuard(int socket, int parent) {
  parent_of_worker.store(parent, std::memory_order_relaxed);
  worker.store(::getpid(), std::memory_order_relaxed);
  struct sigaction action{};
  action.sa_handler = &on_continue;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGCONT, &action, nullptr);
  ::prctl(PR_SET_PDEATHSIG, SIGCONT);
  parent_ = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, parent, 0)));
  if (!parent_ || ::getppid() != parent) end_this_session();  // the parent has already ended
  end_ = Descriptor(::eventfd(0, EFD_CLOEXEC));
  if (!end_) throw Error("cannot watch the parent: " + std::generic_category().message(errno));
  thread_ = platform::start_without_signals(
      "ff orphan", [socket, parent = parent_.get(), end = end_.get()] { watch(socket, parent, end); });
}

OrphanGuard::~OrphanGuard() {
  const std::uint64_t one = 1;
  if (::write(end_.get(), &one, sizeof one) == sizeof one) thread_.join();
}

}  // namespace freshframe::process
