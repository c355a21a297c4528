// The engine's counters: one registry, read as snapshots that never block the pipeline.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/frame.hpp"
#include "freshframe/join.hpp"
#include "freshframe/mutex.hpp"
#include "freshframe/queue.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
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
  /// The two quantiles of a snapshot, in one reading.
  struct Quantiles {
    double p50 = 0;
    double p99 = 0;
  };
  [[nodiscard]] Quantiles quantiles() const noexcept;
  [[nodiscard]] std::uint64_t count() const noexcept;

 private:
  friend class Timings;
  using Buckets = std::array<std::atomic<std::uint32_t>, kBuckets>;
  void clear() noexcept;

  Buckets buckets_{};
};

/// The time that the quantiles of a snapshot are taken from.
enum class Span : std::uint8_t { Recent, WholeRun };

/// Durations of one kind, of the whole run and of its last seconds. One thread adds, any thread reads.
class Timings {
 public:
  static constexpr Seconds kRecent{10};  // at most; at least a slice less

  void add(double seconds, TimePoint now) noexcept;
  [[nodiscard]] Histogram::Quantiles quantiles(Span span, TimePoint now) const noexcept;
  [[nodiscard]] std::uint64_t count() const noexcept { return all_.count(); }

 private:
  static constexpr std::int64_t kSlices = 5;
  struct Slice {
    std::atomic<std::int64_t> number{-1};  // number of the slice since the clock's beginning
    Histogram times;
  };

  Histogram all_;
  std::array<Slice, kSlices> slices_;  // in turn
};

/// The present state of a node's thread. WaitingGil: it waits for Python's GIL.
enum class NodeState : std::uint8_t { Opening, Waiting, Working, Blocked, WaitingGil, Ended, Failed };
[[nodiscard]] std::string_view to_string(NodeState state) noexcept;

/// The state of a video source. A file passes through Closed, Connecting, Reading, Closing, Closed.
enum class SourceState : std::uint8_t {
  Connecting,       // the connection, device or file is being opened, and its streams are detected
  Resolving,        // the server's name is being looked up
  WaitingKeyframe,  // connected; packets cannot be decoded before a keyframe
  Reading,          // frames arrive
  Stalled,          // connected, but no packet has arrived for a while
  BackingOff,       // disconnected; waits before the next attempt
  Closing,
  Closed  // ended, or not started yet
};
[[nodiscard]] std::string_view to_string(SourceState state) noexcept;

/// The history of a video source's connection. An outage begins with the last packet that arrived (or with
/// the first attempt to open) and ends with the next frame.
struct SourceStats {
  SourceState state = SourceState::Closed;
  std::uint64_t outages = 0;       // including a current one
  double away_for = 0;             // seconds of the current outage; 0 without one
  double away_total = 0;           // seconds of all outages, including a current one
  std::uint64_t reconnects = 0;    // outages that ended
  std::uint64_t stalls = 0;        // how often Stalled was entered, whether or not it became an outage
  std::uint64_t size_changes = 0;  // how often the size of the frames changed
  int decoder_frames = 0;          // frames that the decoder held back at the last frame
  /// Seconds by which its frames arrive later than the earliest ones did, by the stream's own times,
  /// smoothed. For a file with OpenOptions::realtime it is how late the last frame was.
  std::optional<double> behind;  // nullopt means the stream has no times
  /// The camera's clock by its sender reports (RTCP); nullopt means none has come. The offset is the camera's
  /// time minus this machine's, in seconds, less the time for which pictures are on their way; the drift is
  /// the drift of the camera's clock against its stream's time, in parts per million; the residual is the
  /// largest distance of a report from the line through all of them, in seconds.
  std::optional<double> clock_offset;
  std::optional<double> clock_drift_ppm;
  std::optional<double> clock_residual;
  std::uint64_t clock_reports = 0;  // reports that the line goes through
  std::uint64_t clock_steps = 0;    // how often the camera's clock was set
  std::uint64_t packets = 0;        // RTP packets that have come (RTSP, read by freshframe itself)
  std::uint64_t packets_lost = 0;   // packets that have not come
  std::uint64_t packets_late = 0;   // packets that came too late to wait for; `packets` includes them
  double jitter = 0;                // mean deviation of the packets' intervals, in seconds (RFC 3550)
  std::uint64_t marker_faults = 0;  // how often RTP's marker was on a packet that did not end its picture
  std::uint64_t damaged = 0;        // pictures that were delivered with the mark Stamp::damaged
  std::uint64_t undecoded = 0;  // pictures that have come while nothing took the frames, and were not decoded
  std::string last_error;       // the reason of the last or current outage; empty means there was none
  /// "frozen": it shows one picture. "loop": the same ones again and again. "flat": one without contrast.
  /// Empty means none of these has lasted for OpenOptions::frozen_after. The numbers below are 0 then.
  std::string frozen;
  double frozen_for = 0;              // seconds, up to the newest keyframe
  double frozen_period = 0;           // seconds, of a loop
  std::uint64_t frozen_frames = 0;    // keyframes in this time
  std::uint64_t frozen_contents = 0;  // different ones of these
  bool frozen_is_ill = false;         // OpenOptions::frozen_after was given: a server's /healthz fails
  /// What a camera's driver has of the settings that were given (CameraSettings), read after each was set;
  /// nullopt means its automatic mode.
  std::map<std::string, std::optional<std::int64_t>> settings;
  std::string settings_reason;        // why the camera runs without some of them; empty means it has all
  std::string decoder;                // decodes its pictures: "cpu" or "cuda:0", or "" before the first
  std::string decoder_reason;         // why not on the card that OpenOptions::decoder wants
  std::uint64_t decoder_changes = 0;  // changes of `decoder`
  std::uint64_t downloads = 0;        // pictures that were copied from a card into the host's memory
  double card_wait = 0;               // seconds for which its decoding has waited for a card
};

/// One edge: its queue and its counters.
struct EdgeStats {
  std::int64_t number = -1;  // number of the edge, never used again
  std::string parent;
  std::string child;               // a node or a reader
  Queue queue;                     // queue for each source that can reach the edge
  std::size_t source_count = 1;    // sources that can reach it; `waiting` is at most queue.depth * sources
  std::string of;                  // the source that the edge is limited to (Port::of()), or ""
  bool joined = false;             // its samples become parts of sets
  std::optional<double> max_rate;  // samples per second of each source; nullopt means no limit
  std::uint64_t passed_in = 0;
  std::uint64_t delivered = 0;
  std::uint64_t waiting = 0;
  std::uint64_t dropped = 0;
  std::uint64_t lost = 0;                    // losses among the dropped ones, see is_lost()
  std::map<DropCause, std::uint64_t> drops;  // only causes that happened
  std::uint64_t events_lost = 0;  // dropped samples whose events found no room to wait for a later one
  double age_p50 = 0;             // seconds from `captured` to the consumer's thread
  double age_p99 = 0;
};

/// The present state of a worker process.
enum class WorkerState : std::uint8_t { Starting, Idle, Working, Resting, Closing, Ended };
[[nodiscard]] std::string_view to_string(WorkerState state) noexcept;

/// One worker process of a node. `pid` is 0 while no process exists: it waits for its next start, or has
/// ended.
struct WorkerStats {
  int pid = 0;
  WorkerState state = WorkerState::Starting;
  std::uint64_t processed = 0;  // samples that it and its predecessors have finished
  std::uint64_t restarts = 0;   // restarts of it and its predecessors
  std::uint64_t rss_bytes = 0;  // resident memory, including the shared pictures that it has read
  double cpu = 0;               // seconds of processor time of the process
};

/// How a node computes a neural network.
struct InferenceStats {
  std::string provider;     // "cpu", "cuda", ...
  int threads = 0;          // on the CPU that compute
  std::uint64_t runs = 0;   // runs of the network; one may compute several pictures
  double duration_p50 = 0;  // seconds per run, without the work before and after it
  double duration_p99 = 0;
};

/// How a node that keeps results on disk sends them.
struct SpoolStats {
  std::uint64_t waiting = 0;     // results on disk that were not sent
  std::uint64_t size_bytes = 0;  // on disk
  double oldest_age = 0;         // seconds since the oldest result of the present batch came, or 0
  double sending_for = 0;        // seconds for which the present call of the user's function has run
  std::uint64_t sent = 0;        // results
  std::uint64_t refused = 0;     // results that the receiver will never take
  std::uint64_t expired = 0;     // results that were too old, or made room for newer ones
  /// Results that were on disk and could not be read, found no room in memory while the disk did not respond,
  /// or were refused and found no room among the kept results.
  std::uint64_t lost = 0;
  std::uint64_t errors = 0;  // calls of the user's function that have failed
  std::string last_error;    // error of these calls, or ""
};

/// The state of a connection to a media server.
enum class PublishState : std::uint8_t { WaitingKeyframe, Connecting, Publishing, BackingOff, Closed };
/// "waiting_keyframe", "connecting", ...
[[nodiscard]] std::string_view to_string(PublishState state) noexcept;

/// How a node publishes a stream.
struct PublishStats {
  PublishState state = PublishState::Closed;
  std::uint64_t connections = 0;   // connections that were made
  std::uint64_t sent = 0;          // packets
  std::uint64_t dropped_away = 0;  // not sent: there was no connection, or no keyframe since it was made
  std::uint64_t dropped_slow = 0;  // not sent: the link was too slow for the stream
  std::string last_error;  // why the last connection could not be made, or was lost; passwords are masked
};

/// One parent of a join.
struct JoinParentStats {
  std::string parent;
  std::uint64_t unmatched = 0;  // samples that were in no set
  std::uint64_t late = 0;       // samples whose set had been given up before they came
  /// Median of how many seconds (numbers, with JoinBy::Seq) later than the reference's sample its nearest
  /// one was; negative: earlier. nullopt for the reference itself, and before the first set.
  std::optional<double> nearest = {};
};

/// The sets of a node with a join.
struct JoinStats {
  JoinBy by = JoinBy::Captured;
  std::uint64_t sets = 0;     // complete ones
  std::uint64_t partial = 0;  // the others
  double spread_p50 = 0;      // seconds between the least and the greatest time of a set
  double spread_p99 = 0;
  double wait_p50 = 0;  // seconds from the arrival of the first sample of a set to the set
  double wait_p99 = 0;
  std::vector<JoinParentStats> parents;  // in their order; the first is the reference
  std::string reason;  // why there has been no complete set for ten seconds or more; empty means there has
};

/// One node: its counters and times.
struct NodeStats {
  int number = -1;  // Stamp::source of a source's samples; never used again, as a name may be
  std::string name;
  NodeState state = NodeState::Opening;
  std::uint64_t processed = 0;  // samples that process() or read() finished
  double rate = 0;              // samples per second over the last second; of an ended node over the run
  double busy = 0;              // share of the run spent working, 0 to 1; of several workers the mean
  double duration_p50 = 0;      // seconds per sample
  double duration_p99 = 0;
  double gil_wait = 0;  // seconds in total that the node waited for Python's GIL
  double gil_hold = 0;  // seconds in total that it held the GIL
  std::uint64_t errors = 0;
  std::uint64_t dropped = 0;
  std::uint64_t lost = 0;                        // losses among the dropped ones, see is_lost()
  std::map<NodeDropCause, std::uint64_t> drops;  // only causes that happened
  std::uint64_t ticks = 0;                       // calls of on_tick()
  std::uint64_t ticks_missed = 0;                // ticks that were due while the node was busy, and left out
  std::map<int, std::uint64_t> batches;          // calls by their number of samples; nodes with a batch only
  std::uint64_t in_flight = 0;                   // taken by a node with workers, not finished or dropped yet
  std::vector<WorkerStats> workers;              // for nodes that run in worker processes
  std::optional<InferenceStats> inference;       // for nodes that compute a neural network
  std::optional<SpoolStats> spool;               // for nodes that keep results on disk
  std::optional<PublishStats> publish;           // for nodes that publish a stream
  std::optional<JoinStats> join;                 // for nodes with a join
  std::optional<SourceStats> source;             // for video sources
  std::string last_error;                        // the latest exception's text; empty means there was none
};

/// Whether the edge's, or the node's, drops of this cause are losses. The sums are in `lost`.
[[nodiscard]] constexpr bool is_lost(const EdgeStats& edge, DropCause cause) noexcept {
  if (cause == DropCause::QueueFull && skips_when_full(edge.queue, edge.joined)) return false;
  return describe_cause(cause).meaning == DropMeaning::Lost;
}
[[nodiscard]] constexpr bool is_lost(const NodeStats& /*node*/, NodeDropCause cause) noexcept {
  return describe_cause(cause).meaning == DropMeaning::Lost;
}

/// The frames that the engine holds, and its memory for pictures.
struct PoolStats {
  int bound = 0;   // frames that the engine may hold
  int in_use = 0;  // frames that it holds
  FramePool::Stats memory;
};

/// The sums of the nodes and edges that were removed while the pipeline ran, so that totals never fall.
struct RemovedStats {
  std::uint64_t node_count = 0;
  std::uint64_t samples = 0;    // samples that its sources delivered
  std::uint64_t processed = 0;  // samples of the other nodes
  std::uint64_t errors = 0;
  std::map<NodeDropCause, std::uint64_t> node_drops;
  std::uint64_t edge_count = 0;
  std::uint64_t passed_in = 0;
  std::uint64_t delivered = 0;
  std::uint64_t dropped = 0;  // on edges
  std::map<DropCause, std::uint64_t> drops;
};

/// A snapshot of a whole pipeline: Pipeline::stats(). Quantiles (p50, p99) cover the last ten seconds while
/// the pipeline runs, and the whole run after its end. The quantiles of a Report cover the whole run.
struct Stats {
  std::vector<NodeStats> nodes;
  std::vector<EdgeStats> edges;
  RemovedStats removed;
  double elapsed = 0;  // seconds since start(), until the end
  std::size_t held_bytes = 0;
  std::size_t device_bytes = 0;  // of pictures on graphics cards
  PoolStats pool;
};

/// The summary of a finished run. `complete`: every source reached its end, no sample was dropped, and every
/// node closed without error.
struct Report {
  Stats stats;
  bool complete = false;
  std::uint64_t samples = 0;          // samples that sources delivered
  std::vector<std::string> failures;  // reasons of nodes that were removed because of them (OnError::Remove)
  std::vector<std::string> silent;    // nodes that took samples and gave none to others that wait for them
};

/// A video source's record of its connection. The source writes it, as does the engine when it opens and
/// closes the source. Any thread reads it.
class SourceCounters {
 public:
  /// Counts of all connections so far; as in SourceStats.
  struct Packets {
    std::uint64_t received = 0;
    std::uint64_t lost = 0;
    std::uint64_t late = 0;
    double jitter = 0;
    std::uint64_t marker_faults = 0;
  };

  void enter(SourceState state);
  [[nodiscard]] SourceState state() const;
  /// No packet has arrived for a while: enters Stalled from Reading or WaitingKeyframe and counts it once.
  void stall();
  /// Ends Stalled: returns to the state before.
  void flow();
  /// An outage begins at `since`, or a current one has a new reason. `why`: without passwords.
  void lose(TimePoint since, std::string why);
  [[nodiscard]] bool is_lost() const;
  /// A frame has arrived: ends the outage, if there is one, and returns its duration in seconds.
  std::optional<double> recover(TimePoint now);
  void count_size_change();
  void count_damaged();
  void count_undecoded();
  void set_decoder_frames(int frames);
  void set_behind(std::optional<double> seconds);
  /// The fields of SourceStats.
  struct Frozen {
    std::string kind;
    double seconds = 0;
    double period = 0;
    std::uint64_t frames = 0;
    std::uint64_t contents = 0;
    bool is_ill = false;
  };
  void set_frozen(Frozen frozen);
  void set_settings(std::map<std::string, std::optional<std::int64_t>> settings, std::string refused);
  /// Sets the two fields of SourceStats. Returns false if both are the same as before.
  bool set_decoder(std::string decoder, std::string reason);
  /// Pictures that were copied from a card into the host's memory. A picture that stays on a card keeps it, since somebody
  /// may read it there after the pipeline's end.
  [[nodiscard]] const std::shared_ptr<std::atomic<std::uint64_t>>& downloads() const noexcept {
    return downloads_;
  }
  void add_card_wait(double seconds);
  void set_packets(const Packets& packets);
  /// Counts go on from the counts of the source whose place this one has taken.
  void follow(const SourceStats& before);
  /// The fields of SourceStats.
  struct Clock {
    double offset = 0;
    double drift = 0;
    double residual = 0;
    std::uint64_t reports = 0;
  };
  void set_clock(const std::optional<Clock>& clock);
  void count_clock_step();
  [[nodiscard]] SourceStats snapshot(TimePoint now) const;

 private:
  mutable Mutex mutex_;
  SourceStats stats_ FRESHFRAME_GUARDED_BY(mutex_);
  Packets before_ FRESHFRAME_GUARDED_BY(mutex_);  // packets of earlier sources in this place
  SourceState before_stall_ FRESHFRAME_GUARDED_BY(mutex_) = SourceState::Reading;
  std::optional<TimePoint> lost_since_ FRESHFRAME_GUARDED_BY(mutex_);
  const std::shared_ptr<std::atomic<std::uint64_t>> downloads_ =
      std::make_shared<std::atomic<std::uint64_t>>(0);
};

/// A node's own counters; the engine makes one per node. Written by the node's thread, read by any.
class NodeCounters {
 public:
  void drop(NodeDropCause cause, std::uint64_t count = 1) noexcept;
  [[nodiscard]] std::uint64_t drops(NodeDropCause cause) const noexcept;
  /// Shown in NodeStats::source when the node is a video source.
  [[nodiscard]] SourceCounters& source() noexcept { return source_; }
  [[nodiscard]] const SourceCounters& source() const noexcept { return source_; }

 private:
  std::array<std::atomic<std::uint64_t>, kNodeDropCauses> drops_{};
  SourceCounters source_;
};

}  // namespace freshframe
