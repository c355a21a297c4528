// Workers end with their parent, however busy they are: when the socket hangs up, or when the parent dies.
// SPDX-License-Identifier: Apache-2.0
#include "process/life/orphan_guard.hpp"

#include <csignal>
#include <fstream>
#include <string>
#include <utility>

#include "cpp/support.hpp"
#include "process/wire/channel.hpp"
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace freshframe::process {
namespace {

enum class Apart { No, Yes };  // whether the child has its own process group

// Runs a guarded process that never reads its socket. It forks a child, and sends that child's process ID once the
// guard is active.
void guarded(Descriptor socket, int parent, Apart apart) {
  const OrphanGuard guard(socket.get(), parent);
  const int child = ::fork();
  if (apart == Apart::Yes) ::setpgid(child, 0);  // called in both processes, because either may run first
  if (child == 0) {
    while (true) ::pause();
  }
  if (::write(socket.get(), &child, sizeof child) != sizeof child) ::_exit(20);
  while (true) ::pause();
}

struct Guarded {
  int pid = 0;
  int child = 0;
};

// Forks a guarded process in its own process group.
Guarded fork_guarded(Descriptor& ours, Descriptor theirs, Apart apart = Apart::No) {
  Guarded started;
  const int parent = ::getpid();
  started.pid = ::fork();
  if (started.pid == 0) {
    ::setsid();
    ours.reset();
    guarded(std::move(theirs), parent, apart);
  }
  theirs.reset();
  EXPECT_EQ(::read(ours.get(), &started.child, sizeof started.child), ssize_t{sizeof started.child});
  return started;
}

bool runs(int pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string number;
  std::string name;
  std::string state;
  return stat >> number >> name >> state && state != "Z" && state != "X";
}

TEST(OrphanGuard, EndsTheProcessAndItsGroupWhenItsSocketHangsUp) {
  auto [ours, theirs] = Channel::make_pair();
  const auto started = fork_guarded(ours, std::move(theirs));
  EXPECT_TRUE(runs(started.child));
  ours.reset();
  int status = 0;
  ASSERT_EQ(::waitpid(started.pid, &status, 0), started.pid);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
  test::wait_until([&] { return !runs(started.child); });
}

// This process keeps a copy of the socket, as another program that inherited it would.
TEST(OrphanGuard, EndsTheProcessWhenItsParentIsKilledEvenIfTheSocketIsOpen) {
  auto [ours, theirs] = Channel::make_pair();
  const Descriptor kept(::dup(ours.get()));
  int told[2] = {-1, -1};
  ASSERT_EQ(::pipe(told), 0);
  const int parent = ::fork();
  if (parent == 0) {
    const auto started = fork_guarded(ours, std::move(theirs));
    if (::write(told[1], &started, sizeof started) != sizeof started) ::_exit(20);
    while (true) ::pause();
  }
  theirs.reset();
  Guarded started;
  ASSERT_EQ(::read(told[0], &started, sizeof started), ssize_t{sizeof started});
  EXPECT_TRUE(runs(started.pid));
  ::kill(parent, SIGKILL);
  ASSERT_EQ(::waitpid(parent, nullptr, 0), parent);
  test::wait_until([&] { return !runs(started.pid) && !runs(started.child); });
  ::close(told[0]);
  ::close(told[1]);
}

// The threads of a stopped process cannot notice that its parent has died.
TEST(OrphanGuard, EndsAStoppedProcessAndGroupsOfItsOwnSession) {
  auto [ours, theirs] = Channel::make_pair();
  int told[2] = {-1, -1};
  ASSERT_EQ(::pipe(told), 0);
  const int parent = ::fork();
  if (parent == 0) {
    const auto started = fork_guarded(ours, std::move(theirs), Apart::Yes);
    if (::write(told[1], &started, sizeof started) != sizeof started) ::_exit(20);
    while (true) ::pause();
  }
  theirs.reset();
  Guarded started;
  ASSERT_EQ(::read(told[0], &started, sizeof started), ssize_t{sizeof started});
  ASSERT_EQ(::getpgid(started.child), started.child);
  ::kill(started.pid, SIGSTOP);
  ::kill(started.child, SIGSTOP);
  ::kill(parent, SIGKILL);
  ASSERT_EQ(::waitpid(parent, nullptr, 0), parent);
  ours.reset();
  test::wait_until([&] { return !runs(started.pid) && !runs(started.child); });
  ::close(told[0]);
  ::close(told[1]);
}

TEST(OrphanGuard, LetsOthersContinueAProcess) {
  auto [ours, theirs] = Channel::make_pair();
  const auto started = fork_guarded(ours, std::move(theirs));
  ::kill(started.pid, SIGCONT);
  ::kill(started.pid, SIGSTOP);
  int status = 0;
  ASSERT_EQ(::waitpid(started.pid, &status, WUNTRACED), started.pid);
  EXPECT_TRUE(WIFSTOPPED(status)) << "it was not ended by the first signal";
  ours.reset();
  ::kill(started.pid, SIGCONT);
  ASSERT_EQ(::waitpid(started.pid, &status, 0), started.pid);
}

// The child inherits the signal handler, but its parent is the guarded process and still alive.
TEST(OrphanGuard, LetsOthersContinueAChildOfTheProcess) {
  auto [ours, theirs] = Channel::make_pair();
  const auto started = fork_guarded(ours, std::move(theirs));
  ::kill(started.child, SIGCONT);
  ::kill(started.pid, SIGSTOP);
  int status = 0;
  ASSERT_EQ(::waitpid(started.pid, &status, WUNTRACED), started.pid);
  EXPECT_TRUE(WIFSTOPPED(status)) << "the child ended the group";
  ours.reset();
  ::kill(started.pid, SIGCONT);
  ASSERT_EQ(::waitpid(started.pid, &status, 0), started.pid);
}

TEST(OrphanGuard, EndsTheProcessImmediatelyIfItsParentHasAlreadyDied) {
  auto [ours, theirs] = Channel::make_pair();
  const int pid = ::fork();
  if (pid == 0) {
    ::setsid();
    const OrphanGuard guard(theirs.get(), ::getpid());  // not its parent, as if that had died
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFSIGNALED(status));
}

TEST(OrphanGuard, LetsAProcessEndByItself) {
  auto [ours, theirs] = Channel::make_pair();
  const int parent = ::getpid();
  const int pid = ::fork();
  if (pid == 0) {
    ::setsid();
    {
      const OrphanGuard guard(theirs.get(), parent);
    }
    ::_exit(7);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

}  // namespace
}  // namespace freshframe::process
