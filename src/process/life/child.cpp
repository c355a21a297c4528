// Child processes.
// SPDX-License-Identifier: Apache-2.0
#include "process/life/child.hpp"

#include "freshframe/error.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>

#include "core/unit_text.hpp"
#include "process/life/orphan_guard.hpp"
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace freshframe::process {
namespace {

int open_pidfd(int pid) noexcept {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));  // pidfds always have FD_CLOEXEC
}

void check(int error, const char* what) {
  if (error != 0) throw Error(std::string(what) + ": " + std::generic_category().message(error));
}

// The argv array for exec functions.
std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (const auto& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

class FileActions {
 public:
  FileActions(int socket, int page) {
    check(::posix_spawn_file_actions_init(&actions_), "cannot start a worker");
    check(::posix_spawn_file_actions_adddup2(&actions_, socket, kWorkerSocket), "cannot start a worker");
    check(::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0),
          "cannot start a worker");
    if (page >= 0) {
      check(::posix_spawn_file_actions_adddup2(&actions_, page, kWorkerPage), "cannot start a worker");
    }
    const int first_closed = (page >= 0 ? kWorkerPage : kWorkerSocket) + 1;
    check(::posix_spawn_file_actions_addclosefrom_np(&actions_, first_closed), "cannot start a worker");
  }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  [[nodiscard]] const posix_spawn_file_actions_t* get() const noexcept { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

class Attributes {
 public:
  Attributes() {
    check(::posix_spawnattr_init(&attributes_), "cannot start a worker");
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setflags(&attributes_,
                               POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  ~Attributes() { ::posix_spawnattr_destroy(&attributes_); }
  [[nodiscard]] const posix_spawnattr_t* get() const noexcept { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

// The second pass finds processes started during the first.
constexpr int kLooks = 2;

// Limits the child's memory. Only its interpreter has started by now; no user code has run without the limit.
// Returns an error message, or an empty string.
std::string limit_memory(int pid, std::uint64_t bytes) {
  const rlimit limit{bytes, bytes};
  if (::prlimit(pid, RLIMIT_DATA, &limit, nullptr) == 0 || errno == ESRCH) return {};
  const int why = errno;
  const auto text = "cannot limit a worker's memory to " + core::mebibytes_rounded_down(bytes) + ": ";
  rlimit own{};
  if (why == EPERM && ::getrlimit(RLIMIT_DATA, &own) == 0 && own.rlim_max < bytes) {
    return text + "this program may have no more than " + core::mebibytes_rounded_down(own.rlim_max) +
           " of data itself (its hard limit, ulimit -Hd), which only a privileged program can raise. Pass a "
           "smaller max_bytes=, or leave it out";
  }
  return text + std::generic_category().message(why);
}

// Also kills all processes that the child has started, because it may have run for a moment.
void kill_and_reap(int pid) noexcept {
  ::kill(pid, SIGKILL);
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
  }
  end_session(pid, kLooks);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

std::string ChildEnd::text() const {
  switch (kind) {
    case Kind::Exited:
      return "exited with status " + std::to_string(code);
    case Kind::Killed: {
      const char* const name = ::strsignal(code);  // NOLINT(concurrency-mt-unsafe): glibc has one per thread
      return "killed by signal " + std::to_string(code) +
             (name != nullptr ? " (" + std::string(name) + ")" : std::string());
    }
    case Kind::Unknown:
      break;
  }
  return "ended with an unknown status: another waitpid() reaped it, or SIGCHLD is ignored";
}

Child::Child(const ChildOptions& options) {
  const FileActions actions(options.socket, options.page);
  const Attributes attributes;
  const auto arguments = pointers(options.arguments);
  const auto environment = pointers(options.environment);
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, arguments.front(), actions.get(), attributes.get(), arguments.data(),
                                  environment.data());
  if (error != 0) {
    throw Error("cannot start the worker " + options.arguments.front() + ": " +
                std::generic_category().message(error));
  }
  pid_ = pid;
  handle_ = Descriptor(open_pidfd(pid));
  if (!handle_) {
    const int why = errno;
    kill_and_reap(pid);
    throw Error("cannot watch a worker (pidfd_open): " + std::generic_category().message(why));
  }
  if (!options.memory) return;
  const auto refusal = limit_memory(pid, *options.memory);
  if (refusal.empty()) return;
  kill_and_reap(pid);
  throw Error(refusal);
}

void Child::signal(int number) const noexcept {
  if (handle_) ::syscall(SYS_pidfd_send_signal, handle_.get(), number, nullptr, 0);
}

void Child::kill() const noexcept {
  if (!handle_) return;
  signal(SIGKILL);
  siginfo_t info{};
  const auto handle = static_cast<id_t>(handle_.get());
  // The session id cannot be reused while the child is not reaped.
  if (::waitid(P_PIDFD, handle, &info, WEXITED | WNOHANG | WNOWAIT) == 0) end_session(pid_, kLooks);
}

std::optional<ChildEnd> Child::reap() noexcept {
  if (!handle_) return std::nullopt;
  siginfo_t info{};
  const auto handle = static_cast<id_t>(handle_.get());
  const int looked = ::waitid(P_PIDFD, handle, &info, WEXITED | WNOHANG | WNOWAIT);
  if (looked == 0 && info.si_pid == 0) return std::nullopt;
  ChildEnd end;
  if (looked == 0) {
    end_session(pid_, kLooks);
    if (::waitid(P_PIDFD, handle, &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0) {
      end.kind = info.si_code == CLD_EXITED ? ChildEnd::Kind::Exited : ChildEnd::Kind::Killed;
      end.code = info.si_status;
    }
  }
  abandon();
  return end;
}

std::string Child::waits_in() const {
  std::ifstream file("/proc/" + std::to_string(pid_) + "/wchan");
  std::string name;
  return file >> name && name != "0" ? name : "?";
}

void Child::abandon() noexcept {
  handle_.reset();
  pid_ = 0;
}

bool can_watch_children() noexcept {
  const Descriptor self(open_pidfd(::getpid()));
  return static_cast<bool>(self);
}

ProcessUse read_use(int pid) {
  ProcessUse use;
  const auto folder = "/proc/" + std::to_string(pid);
  std::ifstream memory(folder + "/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  if (memory >> total >> resident) {
    use.rss_bytes = resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  }
  std::ifstream file(folder + "/stat");
  std::string line;
  if (!std::getline(file, line)) return use;
  std::istringstream rest(line.substr(line.rfind(')') + 1));  // the name may contain any characters
  std::string skipped;
  for (int field = 0; field < 11; ++field) rest >> skipped;  // skip to utime
  std::uint64_t user = 0;
  std::uint64_t system = 0;
  if (rest >> user >> system) {
    use.cpu = static_cast<double>(user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }
  return use;
}

}  // namespace freshframe::process
