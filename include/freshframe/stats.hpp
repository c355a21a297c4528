// What the engine counts: one registry, read as snapshots that never block the pipeline.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"
#include "freshframe/queue.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace freshframe {

/// Distribution of durations from 100 ns to 1000 s in 16 buckets per octave (relative error at most 3.2 %).
/// One thread adds, any thread reads.
class Histogram {
 public:
  static constexpr int kBuckets = 560;

  void add(double seconds) noexcept;
  /// The value that the share `q` (0..1) of all entries does not exceed, in seconds; 0 when empty.
  [[nodiscard]] double quantile(double q) const noexcept;
  [[nodiscard]] std::uint64_t count() const noexcept;

 private:
  std::array<std::atomic<std::uint32_t>, kBuckets> buckets_{};
};

/// What a node's thread is doing now. WaitingLock: it waits for a lock that its language imposes (Python's
/// GIL).
enum class NodeState : std::uint8_t { Opening, Waiting, Working, Blocked, WaitingLock, Ended, Failed };
[[nodiscard]] std::string_view to_string(NodeState state) noexcept;

struct EdgeStats {
  std::string parent;
  std::string child;  // a node or a reader
  Queue queue;
  std::uint64_t passed_in = 0;
  std::uint64_t delivered = 0;
  std::uint64_t waiting = 0;
  std::uint64_t dropped = 0;
  std::map<DropCause, std::uint64_t> drops;  // only causes that happened
  double age_p50 = 0;                        // seconds from `captured` to the consumer's thread
  double age_p99 = 0;
};

struct NodeStats {
  std::string name;
  NodeState state = NodeState::Opening;
  std::uint64_t processed = 0;  // samples that process() or read() finished
  double fps = 0;               // samples per second over the last second
  double busy = 0;              // share of its life spent working
  double p50 = 0;               // seconds per sample
  double p99 = 0;
  double lock_wait = 0;  // seconds in total that the node waited for its language's lock (GIL)
  double lock_hold = 0;  // seconds in total that it held it
  std::uint64_t errors = 0;
  std::uint64_t dropped = 0;
  std::map<NodeDropCause, std::uint64_t> drops;  // only causes that happened
};

struct PoolStats {
  int bound = 0;      // frames that the engine may hold
  int published = 0;  // frames that it holds
  FramePool::Stats memory;
};

struct Stats {
  std::vector<NodeStats> nodes;
  std::vector<EdgeStats> edges;
  double uptime = 0;  // seconds since start(), until the end
  std::size_t held_bytes = 0;
  PoolStats pool;
};

/// What a finished run amounts to. `complete`: nothing was dropped anywhere and every node closed without
/// error.
struct Report {
  Stats stats;
  bool complete = false;
  double elapsed = 0;        // seconds
  std::uint64_t frames = 0;  // samples that sources delivered
};

/// A node's own counters; the engine makes one per node. Written by the node's thread, read by any.
class NodeCounters {
 public:
  void drop(NodeDropCause cause, std::uint64_t count = 1) noexcept;
  [[nodiscard]] std::uint64_t drops(NodeDropCause cause) const noexcept;

 private:
  std::array<std::atomic<std::uint64_t>, kNodeDropCauses> drops_{};
};

}  // namespace freshframe
