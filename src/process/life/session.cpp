// A walk through /proc, in system calls only.
// SPDX-License-Identifier: Apache-2.0
#include "process/life/session.hpp"

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace freshframe::process {
namespace {

constexpr int kPause = 1;  // milliseconds between two looks: a killed process needs time to end
constexpr std::size_t kNameOffset =
    8 + 8 + 2 + 1;  // of linux_dirent64: inode, offset, length and type come first
constexpr std::size_t kLengthOffset = 8 + 8;

/// The process of a folder in /proc; 0: the folder is of something else.
int process_of(const char* name) noexcept {
  int number = 0;
  for (; *name != '\0'; ++name) {
    if (*name < '0' || *name > '9') return 0;
    number = number * 10 + (*name - '0');
  }
  return number;
}

/// The number may have been given to another process meanwhile, so it is asked for its session again once the
/// handle has fixed the process.
bool kill_member(int process, int session) noexcept {
  if (::getsid(process) != session) return false;
  const int handle = static_cast<int>(::syscall(SYS_pidfd_open, process, 0));
  if (handle < 0) return false;
  const bool is_member = ::getsid(process) == session;
  if (is_member) ::syscall(SYS_pidfd_send_signal, handle, SIGKILL, nullptr, 0);
  ::close(handle);
  return is_member;
}

/// Whether it found any. readdir() would allocate.
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
      const int process = process_of(entries.data() + at + kNameOffset);
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

}  // namespace freshframe::process
