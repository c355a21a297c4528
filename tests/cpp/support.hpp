// Shared by all engine tests: a watchdog, a check that counters balance, and a pipeline that runs this check
// at its end.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/pipeline.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cpp/watchdog.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {

/// Waits for `condition`, a few times per millisecond. The watchdog ends an endless wait.
inline void wait_until(const std::function<bool()>& condition) {
  while (!condition()) std::this_thread::sleep_for(std::chrono::microseconds(300));
}

inline std::string label(const EdgeStats& edge) {
  return edge.parent + " -> " + edge.child + " " + to_string(edge.queue);
}

/// Checks for every edge that passed_in == delivered + dropped + waiting, dropped == sum(drops), and that no cause has
/// a count of 0.
inline void expect_books(const std::vector<EdgeStats>& edges) {
  for (const EdgeStats& edge : edges) {
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
    EXPECT_LE(edge.waiting, static_cast<std::uint64_t>(edge.queue.depth) * edge.source_count + 1U);
  }
}

inline void expect_books(const Stats& stats) {
  expect_books(stats.edges);
  for (const NodeStats& node : stats.nodes) {
    SCOPED_TRACE(node.name);
    std::uint64_t sum = 0;
    for (const auto& [cause, count] : node.drops) {
      EXPECT_GT(count, 0U) << to_string(cause);
      sum += count;
    }
    EXPECT_EQ(node.dropped, sum);
  }
  EXPECT_LE(stats.pool.in_use, stats.pool.bound);
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

/// Returns the edge from `parent` to `child`. If there is none, fails the test and returns an empty edge.
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
