// The record of a process that crashes: which thread crashed, and that earlier signal handlers are called.
// SPDX-License-Identifier: Apache-2.0
#include "fleet/last_words.hpp"

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <thread>

#include "core/thread_begin.hpp"
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

using Handler = void (*)(int);

/// Runs `deed` in a forked child that keeps its last words. Returns these and its exit status. `found`: the initial
/// content of the page. `before`: the child's SIGSEGV handler until then; by default none, because a sanitizer's
/// handler would change the exit status.
End end_of(const std::function<void()>& deed, const LastWords& found = {}, Handler before = SIG_DFL) {
  const process::Descriptor page(::memfd_create("last words", MFD_CLOEXEC));
  EXPECT_EQ(::pwrite(page.get(), &found, sizeof found, 0), static_cast<ssize_t>(sizeof found));
  const int pid = ::fork();
  if (pid == 0) {
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    ::signal(SIGSEGV, before);
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

/// Runs `deed` on a grandchild of a thread of the run, like the threads of a node's decoder.
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

TEST(LastWords, HaveNoRunForAThreadWithoutOne) {
  const auto end = end_of([] {
    in_grandchild_thread(kOne, [] {});
    crash();
  });
  EXPECT_EQ(end.words.said, LastWords::Fault);
  EXPECT_EQ(end.words.epoch, 0U);
}

TEST(LastWords, AreNotWrittenForASignalSentByKill) {
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
  // NOLINTNEXTLINE(concurrency-mt-unsafe): as a library does
  const auto exited = end_of([] { in_grandchild_thread(kTwo, [] { std::exit(3); }); });
  EXPECT_EQ(WEXITSTATUS(exited.status), 3);
  EXPECT_EQ(exited.words.camera, kTwo.camera);
}

TEST(LastWords, ATrapIsAFaultToo) {
  const auto end = end_of([] { in_grandchild_thread(kOne, [] { static_cast<void>(::raise(SIGTRAP)); }); });
  EXPECT_TRUE(WIFSIGNALED(end.status) && WTERMSIG(end.status) == SIGTRAP);
  EXPECT_EQ(end.words.camera, kOne.camera);
  EXPECT_EQ(end.words.number, static_cast<std::uint32_t>(SIGTRAP));
}

// NOLINTNEXTLINE(misc-no-recursion): until the stack is full
int overflow(int depth) {
  std::array<volatile char, 4096> frame{};
  frame[0] = static_cast<char>(depth);
  if (depth < 0) return 0;  // never
  return overflow(depth + 1) + frame[0];
}

TEST(LastWords, AStackThatOverflowsNamesItsRun) {
  const auto own = end_of([] {
    std::thread([] {
      open_slot(kOne);
      enter_run(kOne);
      overflow(0);
    }).join();
  });
  EXPECT_TRUE(WIFSIGNALED(own.status) && WTERMSIG(own.status) == SIGSEGV);
  EXPECT_EQ(own.words.camera, kOne.camera);
  const auto of_a_node = end_of([] {
    in_grandchild_thread(kTwo, [] {
      core::begin_thread();
      overflow(0);
    });
  });
  EXPECT_EQ(of_a_node.words.camera, kTwo.camera);
}

TEST(LastWords, AThreadKeepsTheStackForHandlersThatItHas) {
  const auto end = end_of([] {
    static std::array<char, 1 << 16> memory;
    stack_t stack{};
    stack.ss_sp = memory.data();
    stack.ss_size = memory.size();
    ::sigaltstack(&stack, nullptr);
    core::begin_thread();
    stack_t now{};
    ::sigaltstack(nullptr, &now);
    ::_exit(now.ss_sp == memory.data() ? 42 : 1);
  });
  EXPECT_EQ(WEXITSTATUS(end.status), 42);
}

TEST(LastWords, AreThoseOfTheFirstOfTwoThreadsThatCrash) {
  // Another thread has started to write its last words, but not yet written its run.
  const LastWords begun{
      .said = LastWords::Nothing, .camera = kTwo.camera, .epoch = 0, .number = 0, .begun = 1};
  const auto end = end_of([] { in_grandchild_thread(kOne, crash); }, begun);
  EXPECT_TRUE(WIFSIGNALED(end.status));
  EXPECT_EQ(end.words.camera, kTwo.camera);
  EXPECT_EQ(end.words.epoch, 0U);
  EXPECT_EQ(end.words.said, LastWords::Nothing);
}

TEST(LastWords, ThePreviousHandlerIsCalled) {
  const auto crashes = [] {
    open_slot(kOne);
    enter_run(kOne);
    crash();
  };
  const auto end = end_of(crashes, {}, [](int) { ::_exit(42); });
  EXPECT_EQ(WEXITSTATUS(end.status), 42);
  EXPECT_EQ(end.words.camera, kOne.camera);
}

TEST(LastWords, ANormalExitIsNotAFault) {
  const auto end = end_of([] {
    open_slot(kOne);
    enter_run(kOne);
    say_end_in_order(75);
    ::_exit(75);
  });
  EXPECT_EQ(end.words.said, LastWords::InOrder);
  EXPECT_EQ(end.words.number, 75U);
}

TEST(LastWords, AreNotWrittenByAForkedChild) {
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
