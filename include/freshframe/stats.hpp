// What the engine counts: one registry, read as snapshots that never block the pipeline.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/frame.hpp"
#include "freshframe/mutex.hpp"
#include "freshframe/queue.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
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
  /// Both that a snapshot has, in one reading.
  struct Quantiles {
    double p50 = 0;
    double p99 = 0;
  };
  [[nodiscard]] Quantiles quantiles() const noexcept;
  [[nodiscard]] std::uint64_t count() const noexcept;

 private:
  std::array<std::atomic<std::uint32_t>, kBuckets> buckets_{};
};

/// What a node's thread is doing now. WaitingGil: it waits for Python's global lock.
enum class NodeState : std::uint8_t { Opening, Waiting, Working, Blocked, WaitingGil, Ended, Failed };
[[nodiscard]] std::string_view to_string(NodeState state) noexcept;

/// Where a video source is in its life. A file goes through Closed, Connecting, Reading, Closing, Closed.
enum class SourceState : std::uint8_t {
  Connecting,       // the connection, device or file is being opened, its streams are looked for
  Resolving,        // the server's name is being looked up
  WaitingKeyFrame,  // connected; nothing that comes can be decoded before a key frame
  Reading,          // frames come
  Stalled,          // connected, but nothing has come for a while
  BackingOff,       // lost, or not opened; waits before it tries again
  Closing,
  Closed  // ended, or not started yet
};
[[nodiscard]] std::string_view to_string(SourceState state) noexcept;

/// How a video source's connection has fared. An outage begins with the last packet that came (or with the
/// first attempt to open) and ends with the next frame.
struct SourceStats {
  SourceState state = SourceState::Closed;
  std::uint64_t outages = 0;         // also the one under way
  double outage_seconds = 0;         // in total, also of the one under way
  std::uint64_t reconnects = 0;      // outages that ended
  std::uint64_t stalls = 0;          // how often Stalled was entered, whether or not it became an outage
  std::uint64_t size_changes = 0;    // how often frames of another size came
  int decoder_delay = 0;             // frames that the decoder held back at the last frame
  std::optional<double> wall_clock;  // Unix time at pts 0, in seconds, when the server tells (RTCP)
  std::string last_error;            // why the last outage began, or goes on; empty: there was none
};

/// One edge: its queue and its counters.
struct EdgeStats {
  std::string parent;
  std::string child;        // a node or a reader
  Queue queue;              // of each source that can reach the edge
  std::size_t sources = 1;  // that can; `waiting` is at most queue.depth * sources
  std::string only;         // the source that the edge is limited to (Port::of()); empty: it is not
  std::uint64_t passed_in = 0;
  std::uint64_t delivered = 0;
  std::uint64_t waiting = 0;
  std::uint64_t dropped = 0;
  std::map<DropCause, std::uint64_t> drops;  // only causes that happened
  double age_p50 = 0;                        // seconds from `captured` to the consumer's thread
  double age_p99 = 0;
};

/// What a worker process does now.
enum class WorkerState : std::uint8_t { Starting, Idle, Working, Resting, Closing, Ended };
[[nodiscard]] std::string_view to_string(WorkerState state) noexcept;

/// One worker process of a node. `pid` is 0 while there is none: it rests before its next start, or has
/// ended.
struct WorkerStats {
  int pid = 0;
  WorkerState state = WorkerState::Starting;
  std::uint64_t samples = 0;    // that it and those before it in its place have finished
  std::uint64_t restarts = 0;   // in this place
  std::uint64_t rss_bytes = 0;  // resident memory, the shared pictures that it has looked at included
  double cpu = 0;               // seconds of processor time of the process
};

/// How a node computes a neural network.
struct InferenceStats {
  std::string provider;    // "cpu", "cuda", ...
  int threads = 0;         // of the processor that compute
  std::uint64_t runs = 0;  // of the network; one may compute several pictures
  double p50 = 0;          // seconds per run, without what is done before and after
  double p99 = 0;
};

/// One node: its counters and times.
struct NodeStats {
  std::string name;
  NodeState state = NodeState::Opening;
  std::uint64_t processed = 0;  // samples that process() or read() finished
  double fps = 0;               // samples per second over the last second
  double busy = 0;              // share of its life spent working
  double p50 = 0;               // seconds per sample
  double p99 = 0;
  double gil_wait = 0;  // seconds in total that the node waited for Python's global lock
  double gil_hold = 0;  // seconds in total that it kept it from others
  std::uint64_t errors = 0;
  std::uint64_t dropped = 0;
  std::map<NodeDropCause, std::uint64_t> drops;  // only causes that happened
  std::map<int, std::uint64_t> batches;          // calls by their number of samples; nodes with a batch only
  std::uint64_t in_flight = 0;                   // taken by a node with workers, not finished or dropped yet
  std::vector<WorkerStats> workers;              // of nodes that run in worker processes
  std::optional<InferenceStats> inference;       // of nodes that compute a neural network
  std::optional<SourceStats> source;             // of video sources
  std::string last_error;                        // the latest exception's text; empty: there was none
};

/// The frames that the engine holds, and its memory for pictures.
struct PoolStats {
  int bound = 0;      // frames that the engine may hold
  int published = 0;  // frames that it holds
  FramePool::Stats memory;
};

/// A snapshot of a whole pipeline: Pipeline::stats().
struct Stats {
  std::vector<NodeStats> nodes;
  std::vector<EdgeStats> edges;
  double uptime = 0;  // seconds since start(), until the end
  std::size_t held_bytes = 0;
  PoolStats pool;
};

/// What a finished run amounts to. `complete`: every source reached its end, nothing was dropped anywhere and
/// every node closed without error.
struct Report {
  Stats stats;
  bool complete = false;
  double elapsed = 0;        // seconds
  std::uint64_t frames = 0;  // samples that sources delivered
};

/// A video source's own book: the source writes (the engine too, as it opens and closes the source), any
/// thread reads.
class SourceBook {
 public:
  void enter(SourceState state);
  [[nodiscard]] SourceState state() const;
  /// Nothing has come for a while: enters Stalled from Reading or WaitingKeyFrame and counts it once.
  void stall();
  /// Ends Stalled: the state before goes on.
  void flow();
  /// An outage begins at `since`, or one under way goes on for another reason. `why`: without passwords.
  void lose(TimePoint since, std::string why);
  [[nodiscard]] bool is_lost() const;
  /// A frame has come: ends the outage, if there is one, and returns how many seconds it lasted.
  std::optional<double> recover(TimePoint now);
  void count_size_change();
  void set_decoder_delay(int frames);
  void set_wall_clock(std::optional<double> seconds);
  [[nodiscard]] SourceStats snapshot(TimePoint now) const;

 private:
  mutable Mutex mutex_;
  SourceStats stats_ FRESHFRAME_GUARDED_BY(mutex_);
  SourceState before_stall_ FRESHFRAME_GUARDED_BY(mutex_) = SourceState::Reading;
  std::optional<TimePoint> lost_since_ FRESHFRAME_GUARDED_BY(mutex_);
};

/// A node's own counters; the engine makes one per node. Written by the node's thread, read by any.
class NodeCounters {
 public:
  void drop(NodeDropCause cause, std::uint64_t count = 1) noexcept;
  [[nodiscard]] std::uint64_t drops(NodeDropCause cause) const noexcept;
  /// Shown in NodeStats::source when the node is a video source.
  [[nodiscard]] SourceBook& source() noexcept { return source_; }
  [[nodiscard]] const SourceBook& source() const noexcept { return source_; }

 private:
  std::array<std::atomic<std::uint64_t>, kNodeDropCauses> drops_{};
  SourceBook source_;
};

}  // namespace freshframe
