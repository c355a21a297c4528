// The parts of the GIL watch that need no interpreter: reading memory, unwinding, choosing the culprit,
// lines.
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "cpp/watchdog.hpp"
#include "gil_watch/cpython/python_frames.hpp"
#include "gil_watch/stacks/call_stack.hpp"
#include "gil_watch/stacks/cpu_sampler.hpp"
#include "gil_watch/stacks/libraries.hpp"
#include "gil_watch/stacks/memory.hpp"
#include "gil_watch/stacks/task_state.hpp"
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace freshframe::gil;  // NOLINT(google-build-using-namespace)
using namespace std::chrono_literals;

namespace {

std::mutex worker_mutex;
std::condition_variable worker_stops;
std::atomic<int> waited{0};
std::atomic<std::uint64_t> computed{0};

}  // namespace

// Results are used after the calls, so that no call is in tail position. The functions between this one and
// the system's call save each register: where they do not, as the atomic wait of GCC 16, a stack alone does
// not show their caller.
__attribute__((noinline)) void gil_test_waits(const std::atomic<int>& until) {
  std::unique_lock lock(worker_mutex);
  while (until.load() == 0) worker_stops.wait(lock);
  ++waited;
}

__attribute__((noinline)) void gil_test_computes(const std::atomic<int>& until) {
  while (until.load(std::memory_order_relaxed) == 0) computed.fetch_add(1, std::memory_order_relaxed);
  ++waited;
}

namespace {

// Runs `body` on a thread and returns the thread's kernel id.
class Worker {
 public:
  explicit Worker(void (*body)(const std::atomic<int>&))
      : thread_([this, body] {
          id_.store(::gettid());
          id_.notify_all();
          body(stop_);
        }) {
    id_.wait(0);
  }
  ~Worker() {
    {
      const std::scoped_lock lock(worker_mutex);
      stop_.store(1);
    }
    worker_stops.notify_all();
    thread_.join();
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  [[nodiscard]] pid_t id() const { return id_.load(); }

 private:
  std::atomic<int> stop_{0};
  std::atomic<pid_t> id_{0};
  std::thread thread_;
};

template <class Take>
auto wait_for(Take take) -> decltype(take()) {
  const auto deadline = std::chrono::steady_clock::now() + 50s;  // only a hang reaches it
  while (std::chrono::steady_clock::now() < deadline) {
    if (auto found = take()) return found;
    std::this_thread::sleep_for(1ms);
  }
  return std::nullopt;
}

bool holds(const std::vector<NativeFrame>& frames, const std::string& part) {
  for (const NativeFrame& frame : frames) {
    if (frame.symbol.find(part) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

TEST(GilMemory, AnAddressThatIsNotMappedIsRefusedWithoutAFault) {
  int value = 0;
  EXPECT_FALSE(read_memory(8, &value, sizeof value));
  EXPECT_FALSE(read_memory(0x7ffff'0000'0000, &value, sizeof value));
  const int there = 42;
  EXPECT_TRUE(read_value(reinterpret_cast<std::uintptr_t>(&there), value));
  EXPECT_EQ(value, 42);
}

TEST(GilMemory, ReadingStopsWhereTheMappingEnds) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* const pages = ::mmap(nullptr, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(pages, MAP_FAILED);
  const auto begin = reinterpret_cast<std::uintptr_t>(pages);
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  ASSERT_EQ(::munmap(reinterpret_cast<void*>(begin + 2 * page), page), 0);
  std::vector<std::byte> out(3 * page);
  EXPECT_EQ(read_up_to(begin + 100, out), 2 * page - 100);
  EXPECT_EQ(read_up_to(begin + 2 * page, out), 0U);
  ::munmap(pages, 2 * page);
}

TEST(GilCallStack, AThreadThatWaitsIsUnwoundFromItsStackAlone) {
  const Worker worker(&gil_test_waits);
  const auto sample = wait_for([&]() -> std::optional<StackSample> {
    const auto state = read_task_state(worker.id());
    return state ? sample_waiting(worker.id(), *state) : std::nullopt;
  });
  ASSERT_TRUE(sample);
  CallStacks stacks;
  const auto frames = stacks.unwind(*sample);
  EXPECT_TRUE(holds(frames, "gil_test_waits")) << frames.size();
  const auto state = read_task_state(worker.id());
  ASSERT_TRUE(state);
  EXPECT_FALSE(state->running);
  EXPECT_EQ(system_call_name(state->system_call), "futex");
}

TEST(GilCallStack, AThreadThatComputesIsSampledByTheKernelOrByATimer) {
  for (const bool timer : {false, true}) {
    const Worker worker(&gil_test_computes);
    CpuSampler sampler;
    if (timer) sampler.use_timer();
    const auto sample = wait_for([&] {
      if (sampler.armed() == 0) sampler.arm(worker.id());
      return sampler.take();
    });
    ASSERT_TRUE(sample) << timer;
    CallStacks stacks;
    EXPECT_TRUE(holds(stacks.unwind(*sample), "gil_test_computes")) << timer;
  }
}

// A copy of a stack may be shorter than the stack: what lies beyond it belongs to later calls when it is
// unwound.
TEST(GilCallStack, WhatTheCopyOfAStackDoesNotHoldIsNotReadFromTheStackOfNow) {
  StackSample sample = sample_here();
  CallStacks stacks;
  const std::size_t whole = stacks.unwind(sample).size();
  sample.stack.resize(64);
  const auto frames = stacks.unwind(sample);
  EXPECT_GE(whole, 4U);
  EXPECT_LT(frames.size(), whole);
}

TEST(GilCallStack, AThreadThatWaitsIsNeverInterruptedByAnArmedSampler) {
  for (const bool timer : {false, true}) {
    std::atomic<pid_t> id{0};
    std::optional<std::chrono::nanoseconds> slept;
    bool interrupted = false;
    std::thread sleeper([&] {
      id.store(::gettid());
      id.notify_all();
      const auto before = std::chrono::steady_clock::now();
      interrupted = ::usleep(100'000) != 0;
      slept = std::chrono::steady_clock::now() - before;
    });
    id.wait(0);
    CpuSampler sampler;
    if (timer) sampler.use_timer();
    for (int i = 0; i < 50; ++i) {
      if (sampler.armed() == 0) sampler.arm(id.load());
      (void)sampler.take();
      std::this_thread::sleep_for(1ms);
    }
    sleeper.join();
    EXPECT_FALSE(interrupted) << timer;
    ASSERT_TRUE(slept);
    EXPECT_GE(*slept, 100ms) << timer;
  }
}

TEST(GilCallStack, ATimersSignalIsForOneSamplerAtATime) {
  TimerSampler first;
  TimerSampler second;
  ASSERT_TRUE(first.acquire());
  EXPECT_FALSE(second.acquire());
  first.release();
  EXPECT_TRUE(second.acquire());
}

TEST(GilCallStack, ALibraryMayBeUnloadedWhileItsFunctionsAreLookedUp) {
  const char* const library = "libthread_db.so.1";  // belongs to the C library, and only debuggers load it
  constexpr int kTimes = 3000;
  std::atomic<std::uintptr_t> inside{0};
  std::atomic<int> times{0};
  std::atomic<bool> ended{false};
  std::thread loader([&] {
    for (; times < kTimes; ++times) {
      void* const loaded = ::dlopen(library, RTLD_LAZY | RTLD_LOCAL);
      if (loaded == nullptr) break;
      inside = reinterpret_cast<std::uintptr_t>(::dlsym(loaded, "td_init"));
      ::dlclose(loaded);
    }
    ended = true;
  });
  std::size_t found = 0;
  while (!ended) found += function_start(inside) != 0 ? 1U : 0U;
  loader.join();
  if (times == 0) GTEST_SKIP() << "there is no " << library;
  EXPECT_GT(found, 0U);
}

TEST(GilLibraries, AForkWaitsForAWalkOverThem) {
  constexpr int kForks = 100;
  std::atomic<bool> over{false};
  std::thread walker([&] {
    while (!over) {
      (void)loaded_libraries(nullptr);
      (void)function_start(reinterpret_cast<std::uintptr_t>(&gil_test_waits));
    }
  });
  int hung = 0;
  for (int i = 0; i < kForks && hung == 0; ++i) {
    const int child = ::fork();
    if (child == 0) {
      std::signal(SIGALRM, SIG_DFL);
      ::alarm(10 * freshframe::test::Watchdog::patience());
      ::_exit(loaded_libraries(nullptr) != nullptr ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    hung += status == 0 ? 0 : 1;
  }
  over = true;
  walker.join();
  EXPECT_EQ(hung, 0) << "the linker's lock of the list stays locked in a child";
}

TEST(GilCallStack, ReturnAddressesAreToldByTheCallBeforeThem) {
  const auto inside = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
  const std::uintptr_t data[] = {0, inside};  // no call stands before its second word
  const std::uintptr_t words[] = {1, 0x12345678, reinterpret_cast<std::uintptr_t>(&data[1]), inside};
  const auto bytes = std::as_bytes(std::span(words));
  EXPECT_EQ(find_return_address(bytes, 0), 3 * sizeof inside);
  EXPECT_EQ(find_return_address(bytes.first(3 * sizeof inside), 0), 3 * sizeof inside);
}

TEST(GilLines, ALocationTableIsDecodedEntryByEntry) {
  // Two units on line 10, one without a line, three on line 12 (long form), one on line 11 (no columns, delta
  // -1).
  const unsigned char bytes[] = {
      0x80 | (0 << 3) | 1,  0x00, 0x80 | (15 << 3) | 0, 0x80 | (14 << 3) | 2, 0x04, 0x00, 0x01, 0x01,
      0x80 | (13 << 3) | 0, 0x03};
  const std::string_view table(reinterpret_cast<const char*>(bytes), sizeof bytes);
  EXPECT_EQ(line_in_location_table(table, 10, 0), 10);
  EXPECT_EQ(line_in_location_table(table, 10, 3), 10);
  EXPECT_EQ(line_in_location_table(table, 10, 4), 0);
  EXPECT_EQ(line_in_location_table(table, 10, 6), 12);
  EXPECT_EQ(line_in_location_table(table, 10, 10), 12);
  EXPECT_EQ(line_in_location_table(table, 10, 12), 11);
  EXPECT_EQ(line_in_location_table(table, 10, 14), 0);
  EXPECT_EQ(line_in_location_table(table.substr(0, 5), 10, 20), 0);
}

TEST(GilLines, ALineTableOfPython310IsDecodedPairByPair) {
  const unsigned char bytes[] = {4, 0, 2, 0x80, 6, 3, 2, 0xFF};  // line 5, none, line 8, line 7
  const std::string_view table(reinterpret_cast<const char*>(bytes), sizeof bytes);
  EXPECT_EQ(line_in_line_table(table, 5, 2), 5);
  EXPECT_EQ(line_in_line_table(table, 5, 4), 0);
  EXPECT_EQ(line_in_line_table(table, 5, 6), 8);
  EXPECT_EQ(line_in_line_table(table, 5, 12), 7);
  EXPECT_EQ(line_in_line_table(table, 5, 14), 0);
}
