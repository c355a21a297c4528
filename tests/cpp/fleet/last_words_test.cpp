// The last words of a process that crashes: whose thread it was, and who handled the signal before.
// SPDX-License-Identifier: Apache-2.0
#include "fleet/last_words.hpp"

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <thread>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace freshframe::fleet {
namespace {

constexpr Run kOne{.epoch = 7, .camera = 1};
constexpr Run kTwo{.epoch = 8, .camera = 2};

struct End {
  LastWords words;
  int status = 0;
};

/// What a forked child leaves that keeps its last words and then does something.
End end_of(const std::function<void()>& deed) {
  const process::Descriptor page(::memfd_create("last words", MFD_CLOEXEC));
  EXPECT_EQ(::ftruncate(page.get(), sizeof(LastWords)), 0);
  const int pid = ::fork();
  if (pid == 0) {
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    keep_last_words(process::Descriptor(::dup(page.get())));
    deed();
    ::_exit(0);
  }
  End end;
  EXPECT_EQ(::waitpid(pid, &end.status, 0), pid);
  EXPECT_EQ(::pread(page.get(), &end.words, sizeof end.words, 0), static_cast<ssize_t>(sizeof end.words));
  return end;
}

void crash() {
  static_cast<void>(::raise(SIGSEGV));
}

/// As a camera's thread starts those of its nodes, and a node those of its decoder.
void in_grandchild_thread(Run run, const std::function<void()>& deed) {
  std::thread([&] {
    open_slot(run);
    enter_run(run);
    std::thread child([&] { std::thread(deed).join(); });
    leave_run();
    child.join();
  }).join();
}

TEST(LastWords, NameTheRunOfTheThreadThatCrashed) {
  const auto end = end_of([] {
    open_slot(kOne);
    enter_run(kOne);
    leave_run();
    in_grandchild_thread(kTwo, crash);
  });
  EXPECT_TRUE(WIFSIGNALED(end.status) && WTERMSIG(end.status) == SIGSEGV);
  EXPECT_EQ(end.words.said, LastWords::Fault);
  EXPECT_EQ(end.words.epoch, kTwo.epoch);
  EXPECT_EQ(end.words.camera, kTwo.camera);
  EXPECT_EQ(end.words.number, static_cast<std::uint32_t>(SIGSEGV));
}

TEST(LastWords, NameNobodyForAThreadWithoutARun) {
  const auto end = end_of([] {
    in_grandchild_thread(kOne, [] {});
    crash();
  });
  EXPECT_EQ(end.words.said, LastWords::Fault);
  EXPECT_EQ(end.words.epoch, 0U);
}

TEST(LastWords, SayNothingOfASignalFromOutside) {
  const auto end = end_of([] {
    open_slot(kOne);
    enter_run(kOne);
    ::kill(::getpid(), SIGSEGV);
  });
  EXPECT_TRUE(WIFSIGNALED(end.status));
  EXPECT_EQ(end.words.said, LastWords::Nothing);
}

TEST(LastWords, AbortAndExitOfALibraryAreFaultsToo) {
  const auto aborted = end_of([] { in_grandchild_thread(kOne, [] { std::abort(); }); });
  EXPECT_EQ(aborted.words.camera, kOne.camera);
  EXPECT_EQ(aborted.words.number, static_cast<std::uint32_t>(SIGABRT));
  const auto exited = end_of([] { in_grandchild_thread(kTwo, [] { std::exit(3); }); });
  EXPECT_EQ(WEXITSTATUS(exited.status), 3);
  EXPECT_EQ(exited.words.camera, kTwo.camera);
}

TEST(LastWords, TheHandlerOfBeforeIsCalled) {
  const auto before = ::signal(SIGSEGV, [](int) { ::_exit(42); });
  const auto end = end_of([] {
    open_slot(kOne);
    enter_run(kOne);
    crash();
  });
  ::signal(SIGSEGV, before);
  EXPECT_EQ(WEXITSTATUS(end.status), 42);
  EXPECT_EQ(end.words.camera, kOne.camera);
}

TEST(LastWords, AnEndInOrderIsNoFault) {
  const auto end = end_of([] {
    open_slot(kOne);
    enter_run(kOne);
    say_end_in_order(75);
    ::_exit(75);
  });
  EXPECT_EQ(end.words.said, LastWords::InOrder);
  EXPECT_EQ(end.words.number, 75U);
}

TEST(LastWords, AForkedChildSaysNothing) {
  const auto end = end_of([] {
    open_slot(kOne);
    enter_run(kOne);
    const int pid = ::fork();
    if (pid == 0) crash();
    ::waitpid(pid, nullptr, 0);
  });
  EXPECT_EQ(end.words.said, LastWords::Nothing);
}

TEST(LastWords, ASlotIsFreeAgainAndManyRunsHaveTheirOwn) {
  const auto end = end_of([] {
    for (std::uint32_t i = 0; i < 10'000; ++i) {
      open_slot({.epoch = 100 + i, .camera = i});
      enter_run({.epoch = 100 + i, .camera = i});
      leave_run();
      if (i != 77) forget_slot({.epoch = 100 + i, .camera = i});
    }
    in_grandchild_thread(kTwo, crash);
  });
  EXPECT_EQ(end.words.epoch, kTwo.epoch);
}

}  // namespace
}  // namespace freshframe::fleet
