// A child process: its start, its end, and its session.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "process/wire/descriptor.hpp"

namespace freshframe::process {

/// File descriptor of a worker's socket. Only this one, stdin (/dev/null), stdout and stderr are open.
inline constexpr int kWorkerSocket = 3;
/// File descriptor of the page shared with the parent, if there is one.
inline constexpr int kWorkerPage = 4;

struct ChildOptions {
  std::vector<std::string> arguments;    // argv, including the program
  std::vector<std::string> environment;  // "NAME=value"
  int socket = -1;                       // becomes kWorkerSocket
  int page = -1;                         // becomes kWorkerPage, -1 for none; must be greater than kWorkerPage
  std::optional<std::uint64_t> memory;   // limit in bytes (RLIMIT_DATA)
};

/// How a process ended.
struct ChildEnd {
  enum class Kind : std::uint8_t { Exited, Killed, Unknown };
  Kind kind = Kind::Unknown;
  int code = 0;  // exit status or signal

  /// "killed by signal 9 (Killed)", "exited with status 3", "ended with an unknown status: ...".
  [[nodiscard]] std::string text() const;
};

/// Owns a child process until reap() has returned how it ended. The thread that creates it must outlive it,
/// because the child receives a signal when that thread ends.
class Child {
 public:
  Child() noexcept = default;
  /// Starts the child in a new session, with default signal handling. Throws Error.
  explicit Child(const ChildOptions& options);

  [[nodiscard]] int pid() const noexcept { return pid_; }
  /// Becomes readable when the process has ended, even if a descendant still has the socket.
  [[nodiscard]] int descriptor() const noexcept { return handle_.get(); }
  explicit operator bool() const noexcept { return static_cast<bool>(handle_); }

  void signal(int number) const noexcept;
  /// Kills the process and its session.
  void kill() const noexcept;
  /// Returns how the child ended, once; nullopt while it runs. Also kills the rest of its session, before the
  /// session id can be reused.
  std::optional<ChildEnd> reap() noexcept;
  /// Returns the kernel function that the process waits in, if known, for a message about a process that
  /// survives SIGKILL.
  [[nodiscard]] std::string waits_in() const;
  /// Gives up reaping the process, because it cannot be killed.
  void abandon() noexcept;

 private:
  int pid_ = 0;
  Descriptor handle_;
};

/// Returns false if the kernel does not support pidfds (before 5.3).
[[nodiscard]] bool can_watch_children() noexcept;

/// Resident memory and CPU time of a process; zeros if it has ended.
struct ProcessUse {
  std::uint64_t rss_bytes = 0;
  double cpu = 0;  // seconds
};
[[nodiscard]] ProcessUse read_use(int pid);

}  // namespace freshframe::process
