// The orphan guard.
// SPDX-License-Identifier: Apache-2.0
#include "process/life/orphan_guard.hpp"

#include "freshframe/error.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <system_error>

#include "process/life/session.hpp"
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

namespace freshframe::process {
namespace {

constexpr int kLastLooks =
    200;  // for processes of the session; the last of them may be one that cannot be killed

std::atomic<int> parent_of_worker{0};
std::atomic<int> worker{0};

// The session has this process's number; its group is the last to go.
void end_this_session() noexcept {
  end_session(::getpid(), kLastLooks);
  ::kill(0, SIGKILL);
}

// Others may send the signal, too, also to a process that the worker forked, which inherits the handler.
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
  if (!parent_ || ::getppid() != parent) end_this_session();  // it has ended already
  end_ = Descriptor(::eventfd(0, EFD_CLOEXEC));
  if (!end_) throw Error("cannot watch the parent: " + std::generic_category().message(errno));
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);  // signals are the main thread's
  thread_ = std::thread(&watch, socket, parent_.get(), end_.get());
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

OrphanGuard::~OrphanGuard() {
  const std::uint64_t one = 1;
  if (::write(end_.get(), &one, sizeof one) == sizeof one) thread_.join();
}

}  // namespace freshframe::process
