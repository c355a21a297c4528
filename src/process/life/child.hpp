// A child process: its start, its end, and its session.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "process/wire/descriptor.hpp"

namespace freshframe::process {

/// The descriptor of a worker's socket. Otherwise only stdin (/dev/null), stdout and stderr are open.
inline constexpr int kWorkerSocket = 3;
/// The descriptor of the page that it shares with its starter, if there is one.
inline constexpr int kWorkerPage = 4;

struct ChildOptions {
  std::vector<std::string> arguments;    // the program first
  std::vector<std::string> environment;  // "NAME=value"
  int socket = -1;                       // becomes kWorkerSocket
  int page = -1;                         // becomes kWorkerPage; -1 without one. Above kWorkerPage
  std::optional<std::uint64_t> memory;   // bytes of data (RLIMIT_DATA)
};

/// The end of a process.
struct ChildEnd {
  enum class Kind : std::uint8_t { Exited, Killed, Unknown };
  Kind kind = Kind::Unknown;
  int code = 0;  // exit status or signal

  /// "killed by signal 9 (Killed)", "exited with status 3", "ended with an unknown status: ...".
  [[nodiscard]] std::string text() const;
};

/// Owns a process that it has started, until reap() has returned its end. The thread that starts it must
/// outlive it: the child asks for a signal when that thread ends.
class Child {
 public:
  Child() noexcept = default;
  /// Starts it in a new session, with no signal blocked or ignored. Throws Error.
  explicit Child(const ChildOptions& options);

  [[nodiscard]] int pid() const noexcept { return pid_; }
  /// Readable once the process has ended, even if one of its child processes still has the socket.
  [[nodiscard]] int descriptor() const noexcept { return handle_.get(); }
  explicit operator bool() const noexcept { return static_cast<bool>(handle_); }

  void signal(int number) const noexcept;
  /// Kills it and the processes of its session.
  void kill() const noexcept;
  /// Returns the child's end, once; nothing while it runs. The rest of its session is killed before the
  /// number can be given to another process.
  std::optional<ChildEnd> reap() noexcept;
  /// The kernel function in which it waits, if known; for a process that survives its kill.
  [[nodiscard]] std::string waits_in() const;
  /// Never reaps it, because it cannot be killed.
  void abandon() noexcept;

 private:
  int pid_ = 0;
  Descriptor handle_;
};

/// Returns false if the kernel has no pidfds (before 5.3).
[[nodiscard]] bool can_watch_children() noexcept;

/// Resident memory and processor time of a process; zeros when it has ended.
struct ProcessUse {
  std::uint64_t rss_bytes = 0;
  double cpu = 0;  // seconds
};
[[nodiscard]] ProcessUse read_use(int pid);

}  // namespace freshframe::process
