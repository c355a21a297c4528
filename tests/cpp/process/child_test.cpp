// Child processes: start, end, group, limits.
// SPDX-License-Identifier: Apache-2.0
#include "process/life/child.hpp"

#include "freshframe/error.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <string>

#include "cpp/support.hpp"
#include "process/crew/restarts.hpp"
#include "process/wire/channel.hpp"
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace freshframe::process {
namespace {

using test::wait_until;

struct Started {
  explicit Started(const std::string& script, std::optional<std::uint64_t> memory = {})
      : Started(Channel::make_pair(), script, memory) {}
  Started(std::pair<Descriptor, Descriptor> sockets, const std::string& script,
          std::optional<std::uint64_t> memory)
      : channel(std::move(sockets.first), false),
        child({.arguments = {"/bin/sh", "-c", script},
               .environment = {"PATH=/usr/bin:/bin", "WORD=yes"},
               .socket = sockets.second.get(),
               .memory = memory}) {}

  ChildEnd end() {
    pollfd watched{child.descriptor(), POLLIN, 0};
    ::poll(&watched, 1, -1);
    return child.reap().value();
  }
  /// Returns the next message that the script writes to its socket.
  std::string says() {
    EXPECT_EQ(channel.receive(Channel::Wait::Yes), Channel::Received::Message);
    const auto bytes = channel.bytes();
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  Channel channel;
  Child child;
};

TEST(Child, ReportsItsExitStatus) {
  Started started("exit 3");
  const auto end = started.end();
  EXPECT_EQ(end.kind, ChildEnd::Kind::Exited);
  EXPECT_EQ(end.text(), "exited with status 3");
  EXPECT_FALSE(started.child);
  EXPECT_FALSE(started.child.reap());
}

TEST(Child, ReportsTheSignalThatKilledIt) {
  Started started("kill -9 $$");
  EXPECT_EQ(started.end().text(), "killed by signal 9 (Killed)");
}

TEST(Child, HasItsSocketItsEnvironmentAndNothingElse) {
  const Descriptor open(::dup(0));  // not closed by exec
  Started started("{ echo $WORD; ls /proc/self/fd | tr '\\n' ' '; } >&3");
  EXPECT_EQ(started.says(), "yes\n");
  // 3 is the socket, to which standard output was redirected; 4 is the folder that ls reads.
  EXPECT_EQ(started.says(), "0 1 2 3 4 ");
  started.end();
}

TEST(Child, ReadsNothingFromItsInput) {
  Started started("readlink /proc/self/fd/0 >&3");
  EXPECT_EQ(started.says(), "/dev/null\n");
  started.end();
}

TEST(Child, LeadsASessionOfItsOwn) {
  Started started("cut -d' ' -f1,5,6 /proc/$$/stat >&3");
  const auto pid = std::to_string(started.child.pid());
  EXPECT_EQ(started.says(), pid + " " + pid + " " + pid + "\n");
  started.end();
}

// True for a zombie too: the process that adopts it may never reap it.
bool has_ended(int process) {
  std::ifstream stat("/proc/" + std::to_string(process) + "/stat");
  std::string pid;
  std::string name;
  std::string state;
  return !(stat >> pid >> name >> state) || state == "Z" || state == "X";
}

TEST(Child, TakesItsOwnChildrenAlong) {
  Started started("sleep 1000 & echo $! >&3; exit 0");
  const int grandchild = std::stoi(started.says());
  EXPECT_EQ(started.end().code, 0);
  wait_until([&] { return has_ended(grandchild); });
}

TEST(Child, TakesItsGrandchildrenInGroupsOfTheirOwnAlong) {
  Started started("timeout 1000 sh -c 'echo $PPID >&3; exec sleep 1000' & wait");
  const int program = std::stoi(started.says());
  EXPECT_EQ(::getpgid(program), program);
  started.child.signal(SIGKILL);
  started.end();
  wait_until([&] { return has_ended(program); });
}

TEST(Child, IsKilledWithItsGroup) {
  Started started("sleep 1000 & sleep 1000");
  started.child.kill();
  EXPECT_EQ(started.end().code, SIGKILL);
}

TEST(Child, HasNoSignalBlockedOrIgnored) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const auto old = std::signal(SIGUSR1, SIG_IGN);
  Started started("awk '/SigBlk|SigIgn/ { printf \"%s \", $2 }' /proc/self/status >&3");
  std::signal(SIGUSR1, old);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  // glibc before 2.41 leaves its two internal signals, 32 and 33, ignored.
  const auto masks = started.says();
  EXPECT_TRUE(masks == "0000000000000000 0000000180000000 " || masks == "0000000000000000 0000000000000000 ")
      << masks;
  started.end();
}

TEST(Child, HasAnUnknownStatusIfReapedElsewhere) {
  Started started("exit 0");
  ASSERT_EQ(::waitpid(started.child.pid(), nullptr, 0), started.child.pid());
  const auto end = started.end();
  EXPECT_EQ(end.kind, ChildEnd::Kind::Unknown);
  EXPECT_NE(end.text().find("another waitpid() reaped it"), std::string::npos);
}

TEST(Child, HasALimitOfMemory) {
  Started started("read line <&3; ulimit -d >&3", std::uint64_t{100} << 20);
  ASSERT_EQ(started.channel.send(std::as_bytes(std::span("\n", 1))), Channel::Sent::Yes);
  EXPECT_EQ(started.says(), std::to_string(100 << 10) + "\n");
  started.end();
}

// In a separate process: a hard limit cannot be raised again, and root has to become somebody else.
TEST(Child, WhoseMemoryCannotBeLimitedIsReapedAndTheMessageNamesTheHardLimit) {
  if (test::kSanitized) GTEST_SKIP() << "a sanitizer needs more memory than the limit of this test";
  const int pid = ::fork();
  if (pid == 0) {
    const rlimit hard{rlim_t{1} << 30, rlim_t{1} << 30};
    if (::setrlimit(RLIMIT_DATA, &hard) != 0) ::_exit(2);
    if (::getuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) ::_exit(3);
    try {
      const Started started("sleep 1000", std::uint64_t{2} << 30);
    } catch (const Error& error) {
      const std::string text = error.what();
      const bool names =
          text.find("2048 MiB") != std::string::npos && text.find("1024 MiB") != std::string::npos;
      ::_exit(!names ? 4 : ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD ? 0 : 5);
    }
    ::_exit(6);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0) << WEXITSTATUS(status);
}

TEST(Child, ThatDoesNotExistIsAnError) {
  const auto sockets = Channel::make_pair();
  EXPECT_THROW(Child({.arguments = {"/nowhere/python"},
                      .environment = {},
                      .socket = sockets.second.get(),
                      .memory = {}}),
               Error);
}

TEST(UseOf, ReadsThisProcess) {
  const auto use = read_use(::getpid());
  EXPECT_GT(use.rss_bytes, 1U << 20U);
  EXPECT_GE(use.cpu, 0);
  EXPECT_EQ(read_use(0).rss_bytes, 0U);
}

TEST(Deaths, OfTheWindowCount) {
  using std::chrono::seconds;
  Deaths deaths(2, Seconds(60));
  const TimePoint begin{};
  EXPECT_TRUE(deaths.count(begin));
  EXPECT_TRUE(deaths.count(begin + seconds(30)));
  EXPECT_TRUE(deaths.count(begin + seconds(61)));
  EXPECT_FALSE(deaths.count(begin + seconds(62)));
  EXPECT_EQ(deaths.in_window(), 3U);
  EXPECT_FALSE(Deaths(0, Seconds(1)).count(begin));
}

TEST(BackOff, DoublesToItsLimitAndBeginsAgain) {
  using std::chrono::milliseconds;
  BackOff back_off;
  EXPECT_EQ(back_off.next(), milliseconds(100));
  EXPECT_EQ(back_off.next(), milliseconds(200));
  for (int i = 0; i < 10; ++i) (void)back_off.next();
  EXPECT_EQ(back_off.next(), milliseconds(5000));
  back_off.reset();
  EXPECT_EQ(back_off.next(), milliseconds(100));
}

}  // namespace
}  // namespace freshframe::process
