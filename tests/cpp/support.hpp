// Shared by all engine tests: a watchdog, the check that counters balance, and a pipeline that checks itself
// at its end.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/pipeline.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FRESHFRAME_TEST_SANITIZED 1
#else
#define FRESHFRAME_TEST_SANITIZED 0
#endif

namespace freshframe::test {

inline constexpr bool kSanitized = FRESHFRAME_TEST_SANITIZED != 0;

/// Kills the process when a test exceeds its limit, so that a hang fails and the failure names the test.
class Watchdog final : public ::testing::EmptyTestEventListener {
 public:
  static constexpr unsigned kSeconds = kSanitized ? 120 : 30;
  /// How many times longer every limit is: programs under QEMU need it.
  static unsigned patience() {
    const char* const said = std::getenv("FRESHFRAME_TEST_PATIENCE");
    return said == nullptr ? 1 : static_cast<unsigned>(std::max(std::atoi(said), 1));
  }

  void OnTestStart(const ::testing::TestInfo& info) override {
    const std::string name =
        std::string("\nwatchdog: ") + info.test_suite_name() + "." + info.name() + " hangs\n";
    std::strncpy(message_, name.c_str(), sizeof message_ - 1);
    length_ = std::strlen(message_);
    std::signal(SIGALRM, &Watchdog::bark);
    ::alarm(patience() * kSeconds);
  }
  void OnTestEnd(const ::testing::TestInfo& /*info*/) override { ::alarm(0); }

 private:
  static void bark(int /*signal*/) {
    // A signal handler may call only write() here. Its result does not matter.
    if (::write(STDERR_FILENO, message_, length_) < 0) ::_exit(125);
    std::abort();
  }

  inline static char message_[256] = {};
  inline static std::size_t length_ = 0;
};

/// Raises the time limit of the running test; for stress tests.
inline void extend_watchdog(unsigned seconds) {
  ::alarm(Watchdog::patience() * (kSanitized ? seconds * 2 : seconds));
}

// GoogleTest owns the listener; gtest_main offers no other moment to register one.
inline const bool kWatchdogRegistered = [] {
  ::testing::UnitTest::GetInstance()->listeners().Append(std::make_unique<Watchdog>().release());
  return true;
}();

/// Waits for `condition`, a few times per millisecond. The watchdog ends an endless wait.
inline void wait_until(const std::function<bool()>& condition) {
  while (!condition()) std::this_thread::sleep_for(std::chrono::microseconds(300));
}

inline std::string label(const EdgeStats& edge) {
  return edge.parent + " -> " + edge.child + " " + to_string(edge.queue);
}

/// Every edge: passed_in == delivered + dropped + waiting, dropped == sum(drops), no cause without a drop.
inline void expect_books(const Stats& stats) {
  for (const EdgeStats& edge : stats.edges) {
    SCOPED_TRACE(label(edge));
    EXPECT_EQ(edge.passed_in, edge.delivered + edge.dropped + edge.waiting);
    std::uint64_t sum = 0;
    for (const auto& [cause, count] : edge.drops) {
      EXPECT_GT(count, 0U) << to_string(cause);
      sum += count;
    }
    EXPECT_EQ(edge.dropped, sum);
    if (edge.queue.blocks()) {
      EXPECT_EQ(edge.drops.count(DropCause::QueueFull), 0U);
    }
    EXPECT_LE(edge.waiting, static_cast<std::uint64_t>(edge.queue.depth) * edge.sources + 1U);
  }
  for (const NodeStats& node : stats.nodes) {
    SCOPED_TRACE(node.name);
    std::uint64_t sum = 0;
    for (const auto& [cause, count] : node.drops) {
      EXPECT_GT(count, 0U) << to_string(cause);
      sum += count;
    }
    EXPECT_EQ(node.dropped, sum);
  }
  EXPECT_LE(stats.pool.published, stats.pool.bound);
}

inline void expect_books(const Pipeline& pipeline) {
  expect_books(pipeline.stats());
}

/// A pipeline that stops and checks the counters of every edge when its test ends.
class CheckedPipeline : public Pipeline {
 public:
  using Pipeline::Pipeline;
  CheckedPipeline() = default;
  explicit CheckedPipeline(std::shared_ptr<const Clock> clock) : Pipeline(with_clock(std::move(clock))) {}
  ~CheckedPipeline() {
    try {
      stop(Seconds{60});
      expect_books(*this);
    } catch (const std::exception& error) {
      ADD_FAILURE() << "stop() at the end of the test threw " << error.what();
    }
  }

 private:
  static Options with_clock(std::shared_ptr<const Clock> clock) {
    Options options;
    options.clock = std::move(clock);
    return options;
  }
};

/// The edge from `parent` to `child`; a test failure and an empty edge when there is none.
inline EdgeStats edge_of(const Stats& stats, const std::string& parent, const std::string& child) {
  for (const EdgeStats& edge : stats.edges) {
    if (edge.parent == parent && edge.child == child) return edge;
  }
  ADD_FAILURE() << "no edge " << parent << " -> " << child;
  return {};
}
inline EdgeStats edge_of(const Pipeline& pipeline, const std::string& parent, const std::string& child) {
  return edge_of(pipeline.stats(), parent, child);
}

inline NodeStats node_of(const Pipeline& pipeline, const std::string& name) {
  for (NodeStats& node : pipeline.stats().nodes) {
    if (node.name == name) return std::move(node);
  }
  ADD_FAILURE() << "no node " << name;
  return {};
}

inline std::uint64_t drops_of(const EdgeStats& edge, DropCause cause) {
  const auto found = edge.drops.find(cause);
  return found == edge.drops.end() ? 0 : found->second;
}
inline std::uint64_t drops_of(const NodeStats& node, NodeDropCause cause) {
  const auto found = node.drops.find(cause);
  return found == node.drops.end() ? 0 : found->second;
}

/// Runs `action` and returns the message of the E that it must throw.
template <class E>
std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "threw another exception: " << error.what();
    return {};
  }
  ADD_FAILURE() << "threw nothing";
  return {};
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace freshframe::test
