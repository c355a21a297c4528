// The orphan guard.
// SPDX-License-Identifier: Apache-2.0
#include "process/life/orphan_guard.hpp"

#include "freshframe/error.hpp"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <system_error>

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

namespace freshframe::process {
namespace {

void kill_group(int /*signal*/) {
  ::kill(0, SIGKILL);
}

void watch(int socket, int parent, int end) {
  pollfd watched[] = {{socket, 0, 0}, {parent, POLLIN, 0}, {end, POLLIN, 0}};
  while (true) {
    if (::poll(watched, 3, -1) < 0 && errno == EINTR) continue;
    if (watched[2].revents != 0) return;
    kill_group(0);
  }
}

}  // namespace

OrphanGuard::OrphanGuard(int socket, int parent) {
  struct sigaction action{};
  action.sa_handler = &kill_group;
  ::sigaction(SIGRTMIN + 1, &action, nullptr);
  ::prctl(PR_SET_PDEATHSIG, SIGRTMIN + 1);
  parent_ = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, parent, 0)));
  if (!parent_ || ::getppid() != parent) kill_group(0);  // it has ended already
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
