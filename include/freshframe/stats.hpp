// The engine's counters, read as snapshots without blocking the pipeline.
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

/// A histogram of durations from 100 ns to 1000 s, with 16 buckets per octave (relative error at most 3.2 %).
/// One thread writes, any thread reads.
class Histogram {
 public:
  static constexpr int kBuckets = 560;

  void add(double seconds) noexcept;
  /// The q-quantile (q: 0 to 1) in seconds; 0 if empty.
  [[nodiscard]] double quantile(double q) const noexcept;
  /// Median and 99th percentile, in seconds.
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

/// What the quantiles of a snapshot cover.
enum class Span : std::uint8_t { Recent, WholeRun };

/// Durations of one kind, over the whole run and over the last seconds. One thread writes, any thread reads.
class Timings {
 public:
  static constexpr Seconds kRecent{10};  // the actual span is up to one slice shorter

  void add(double seconds, TimePoint now) noexcept;
  [[nodiscard]] Histogram::Quantiles quantiles(Span span, TimePoint now) const noexcept;
  [[nodiscard]] std::uint64_t count() const noexcept { return all_.count(); }

 private:
  static constexpr std::int64_t kSlices = 5;
  struct Slice {
    std::atomic<std::int64_t> number{-1};  // number of the slice, counted since the clock's epoch
    Histogram times;
  };

  Histogram all_;
  std::array<Slice, kSlices> slices_;  // a ring
};

/// What a node's thread is doing. WaitingGil: waiting for Python's GIL.
enum class NodeState : std::uint8_t { Opening, Waiting, Working, Blocked, WaitingGil, Ended, Failed };
[[nodiscard]] std::string_view to_string(NodeState state) noexcept;
/// Returns true if the node has stopped processing, at its end or after a failure.
[[nodiscard]] constexpr bool has_ended(NodeState state) noexcept {
  return state == NodeState::Ended || state == NodeState::Failed;
}

/// The state of a video source. A file passes through Closed, Connecting, Reading, Closing, Closed.
enum class SourceState : std::uint8_t {
  Connecting,       // opening the device, file or connection, and probing its streams
  Resolving,        // looking up the server's name
  WaitingKeyframe,  // connected, but nothing can be decoded before a keyframe
  Reading,          // frames arrive
  Stalled,          // connected, but no packets have arrived for a while
  BackingOff,       // disconnected, waiting before the next attempt
  WaitingSender,    // no browser sends frames to a "browser:" source
  Closing,
  Closed  // ended, or not started yet
};
[[nodiscard]] std::string_view to_string(SourceState state) noexcept;

/// The browser that sends the frames of a "browser:" source. Most members are what its page reports; its
/// strings cannot be trusted. Counts include earlier senders of the source.
struct SenderStats {
  bool connected = false;
  std::string browser;  // such as "Chrome 131", or empty
  std::string camera;   // label of the camera in the browser, or empty
  std::string state;    // what the page is doing: "live" while it sends, "asking", "no_camera" ...
  std::string message;  // why the page sends no frames, or empty
  bool hidden = false;  // the page's tab is not visible, so the browser may deliver fewer frames
  std::string codec;    // "h264", "vp8", "vp9" or "mjpeg"; empty before the first frame
  std::string mode;     // the page's way of encoding: "webcodecs" or "jpeg"
  std::string stamped;  // source of the capture times: "capture", "presentation" or "arrival"
  int width = 0;        // pixels of the encoded image; 0 before the first frame
  int height = 0;       // pixels
  std::uint64_t camera_frames = 0;    // frames that the camera gave the page
  std::uint64_t sent = 0;             // frames that the page sent
  std::uint64_t skipped_link = 0;     // frames not sent because the link was too slow
  std::uint64_t skipped_encoder = 0;  // frames not sent because the encoder was busy
  std::uint64_t missed = 0;           // lost by the browser before the page saw them, by timestamps
  double bitrate = 0;                 // target of the encoder in bits per second
  double arrives = 0;                 // bits per second that the server acknowledged in the last second
  double encoding = 0;                // seconds that the encoder takes per frame
  double round_trip = 0;              // shortest round trip of the last 30 seconds, in seconds
  double clock_error = 0;             // largest error of the capture times in seconds
  std::vector<std::string> failures;  // codecs that failed in this browser, each with the reason
};

/// The connection history of a video source. An outage lasts from the last packet before it (or from the
/// first attempt to open) to the next frame.
struct SourceStats {
  SourceState state = SourceState::Closed;
  std::uint64_t outages = 0;     // including a current one
  double away_for = 0;           // duration of the current outage in seconds; 0 if there is none
  double away_total = 0;         // total duration of all outages in seconds, including a current one
  std::uint64_t reconnects = 0;  // outages that have ended
  std::uint64_t stalls = 0;      // number of stalls, including those that became an outage
  std::uint64_t size_changes = 0;
  int decoder_frames = 0;  // decoder delay in frames, as of the latest frame
  /// How many seconds later frames arrive than the earliest ones did, according to the stream's timestamps,
  /// smoothed. With OpenOptions::realtime, how late the last frame was.
  std::optional<double> behind;  // nullopt if the stream has no timestamps
  /// Seconds of timestamps per second of real time. 1 unless the arrivals have shown that the camera's
  /// timestamps run too fast or too slowly.
  double pace = 1;
  /// The camera's clock, from its RTCP sender reports; nullopt before the first one. Offset: the camera's
  /// time minus this machine's in seconds, corrected for transmission time. Drift: of the camera's clock
  /// relative to the stream's timestamps, in ppm. Residual: the largest distance in seconds of a report from
  /// the line fitted through all of them.
  std::optional<double> clock_offset;
  std::optional<double> clock_drift_ppm;
  std::optional<double> clock_residual;
  std::uint64_t clock_reports = 0;  // number of reports in the fit
  std::uint64_t clock_steps = 0;    // number of times that the camera's clock was set
  std::uint64_t packets = 0;        // RTP packets received (RTSP that freshframe reads itself)
  std::uint64_t packets_lost = 0;   // packets that never arrived
  std::uint64_t packets_late = 0;   // packets that arrived too late to be used; included in `packets`
  double jitter = 0;                // interarrival jitter in seconds (RFC 3550)
  std::uint64_t marker_faults = 0;  // number of RTP markers on packets that did not end a frame
  std::uint64_t damaged = 0;        // frames delivered as damaged (Stamp::damaged)
  std::uint64_t undecoded = 0;      // frames that were not decoded because nobody used them
  std::string last_error;           // cause of the last or current outage; empty if there was none
  /// "frozen": it repeats one image. "loop": it repeats the same sequence. "flat": images have no contrast.
  /// Empty unless one of these has lasted for OpenOptions::frozen_after; the numbers below are then 0.
  std::string frozen;
  double frozen_for = 0;              // seconds from the first such image to the newest keyframe
  double frozen_period = 0;           // length of the loop in seconds
  std::uint64_t frozen_frames = 0;    // number of keyframes while the image was frozen
  std::uint64_t frozen_contents = 0;  // number of different images among them
  bool frozen_is_ill = false;         // makes /healthz fail; true if OpenOptions::frozen_after is set
  /// The camera settings (CameraSettings) as the driver reports them after each was set; nullopt means
  /// automatic.
  std::map<std::string, std::optional<std::int64_t>> settings;
  std::string settings_reason;  // why some settings could not be applied; empty if all were
  std::string decoder;          // the decoder in use, "cpu" or "cuda:0"; empty before the first frame
  std::string decoder_reason;   // why it is not the GPU that OpenOptions::decoder asks for
  std::uint64_t decoder_changes = 0;
  std::uint64_t downloads = 0;        // frames downloaded from a GPU
  double card_wait = 0;               // total time in seconds that decoding has waited for a GPU
  std::optional<SenderStats> sender;  // set for a "browser:" source once a browser has connected
};

/// Statistics of an edge.
struct EdgeStats {
  std::int64_t number = -1;  // never reused
  std::string parent;
  std::string child;               // the child node or reader
  Queue queue;                     // policy; applies to each source separately
  std::size_t source_count = 1;    // sources that reach the edge; `waiting` is at most queue.depth times this
  std::string of;                  // the only source whose samples pass (Port::of()), or empty
  bool joined = false;             // true if its samples become part of a join's sets
  std::optional<double> max_rate;  // samples per second and source; nullopt if unlimited
  std::int64_t every = 1;          // every n-th sample of each source passes
  std::uint64_t passed_in = 0;
  std::uint64_t delivered = 0;
  std::uint64_t waiting = 0;
  std::uint64_t dropped = 0;
  std::uint64_t lost = 0;                    // drops that are losses, see is_lost()
  std::map<DropCause, std::uint64_t> drops;  // drops by cause; only causes that occurred
  std::uint64_t events_lost = 0;  // dropped samples whose events could not be kept for a later sample
  double age_p50 = 0;             // seconds from `captured` until the consumer takes a sample
  double age_p99 = 0;
};

enum class WorkerState : std::uint8_t { Starting, Idle, Working, Resting, Closing, Ended };
[[nodiscard]] std::string_view to_string(WorkerState state) noexcept;

/// A worker process of a node. `pid` is 0 if there is none: it is about to be restarted, or has ended.
struct WorkerStats {
  int pid = 0;
  WorkerState state = WorkerState::Starting;
  std::uint64_t processed = 0;  // samples finished, including by the worker's predecessors
  std::uint64_t restarts = 0;   // restarts, including those of the worker's predecessors
  std::uint64_t rss_bytes = 0;  // resident memory, including shared memory of frames that the worker has read
  double cpu = 0;               // CPU time of the process in seconds
};

/// How a node runs its neural network.
struct InferenceStats {
  std::string provider;     // "cpu", "cuda", ...
  int threads = 0;          // number of CPU threads, if it runs on a CPU
  std::uint64_t runs = 0;   // number of runs; one run may process several frames
  double duration_p50 = 0;  // seconds per run, without pre- and postprocessing
  double duration_p99 = 0;
};

/// Statistics of a node that keeps results on disk until they are sent.
struct SpoolStats {
  std::uint64_t waiting = 0;     // results on disk that have not been sent
  std::uint64_t size_bytes = 0;  // size of these results on disk
  double oldest_age = 0;         // seconds since the oldest result of the current batch arrived, or 0
  double sending_for = 0;        // seconds that the current call of the user's function has been running
  std::uint64_t sent = 0;
  std::uint64_t refused = 0;  // results that the receiver rejected for good
  std::uint64_t expired = 0;  // results that were too old, or deleted to make room for newer ones
  /// Results that were unreadable on disk, did not fit into memory while the disk did not respond, or were
  /// rejected and did not fit among the rejected results that are kept.
  std::uint64_t lost = 0;
  std::uint64_t errors = 0;  // calls of the user's function that have failed
  std::string last_error;    // the latest of these errors, or empty
};

enum class PublishState : std::uint8_t { WaitingKeyframe, Connecting, Publishing, BackingOff, Closed };
/// "waiting_keyframe", "connecting", ...
[[nodiscard]] std::string_view to_string(PublishState state) noexcept;

/// Statistics of a node that publishes a stream.
struct PublishStats {
  PublishState state = PublishState::Closed;
  std::uint64_t connections = 0;  // number of connections so far
  std::uint64_t sent = 0;         // packets
  /// Packets not sent because there was no connection, or no keyframe since it was made.
  std::uint64_t dropped_away = 0;
  std::uint64_t dropped_slow = 0;  // packets not sent because the link was too slow
  std::string last_error;          // why the last connection failed or was lost, with passwords masked
};

/// Statistics of one parent of a join.
struct JoinParentStats {
  std::string parent;
  std::uint64_t unmatched = 0;  // samples that were not in any set
  std::uint64_t late = 0;       // samples that arrived after their set was abandoned
  /// Median difference between the reference's sample and this parent's nearest one, positive if this
  /// parent's is later. In seconds, or in frame numbers with JoinBy::Seq. nullopt for the reference itself,
  /// and before the first set.
  std::optional<double> nearest = {};
};

/// Statistics of a join.
struct JoinStats {
  JoinBy by = JoinBy::Captured;
  std::uint64_t sets = 0;     // complete sets
  std::uint64_t partial = 0;  // incomplete sets
  double spread_p50 = 0;      // seconds between the earliest and the latest time of a set
  double spread_p99 = 0;
  double wait_p50 = 0;  // seconds from the arrival of a set's first sample until the set was made
  double wait_p99 = 0;
  std::vector<JoinParentStats> parents;  // in the order of the join's parents; the first is the reference
  std::string reason;  // why there has been no complete set for at least ten seconds; otherwise empty
};

/// Statistics of a node.
struct NodeStats {
  int number = -1;  // Stamp::source for a source; never reused, unlike names
  std::string name;
  NodeState state = NodeState::Opening;
  std::uint64_t processed = 0;  // samples that process() or read() finished
  double rate = 0;              // samples per second over the last second; after the end, over the whole run
  double busy = 0;              // share of the run spent working, 0 to 1; mean over the node's workers
  double duration_p50 = 0;      // seconds per sample
  double duration_p99 = 0;
  double gil_wait = 0;  // total time in seconds that the node waited for the GIL
  double gil_hold = 0;  // total time in seconds that the node held the GIL
  std::uint64_t errors = 0;
  std::uint64_t dropped = 0;
  std::uint64_t lost = 0;                        // drops that are losses, see is_lost()
  std::map<NodeDropCause, std::uint64_t> drops;  // drops by cause; only causes that occurred
  std::uint64_t ticks = 0;
  std::uint64_t ticks_missed = 0;        // ticks skipped because the node was busy
  std::map<int, std::uint64_t> batches;  // number of calls by batch size; only with a batch
  std::uint64_t in_flight = 0;           // samples being processed by worker processes
  std::vector<WorkerStats> workers;
  std::optional<InferenceStats> inference;
  std::optional<SpoolStats> spool;
  std::optional<PublishStats> publish;
  std::optional<JoinStats> join;
  std::optional<SourceStats> source;
  std::string last_error;  // message of the latest exception; empty if there was none
};

/// Returns true if drops with this cause count as losses. Their sum is `lost`.
[[nodiscard]] constexpr bool is_lost(const EdgeStats& edge, DropCause cause) noexcept {
  if (cause == DropCause::QueueFull && skips_when_full(edge.queue, edge.joined)) return false;
  return describe_cause(cause).meaning == DropMeaning::Lost;
}
[[nodiscard]] constexpr bool is_lost(const NodeStats& /*node*/, NodeDropCause cause) noexcept {
  return describe_cause(cause).meaning == DropMeaning::Lost;
}

/// Frames held by the engine, and its image memory.
struct PoolStats {
  int bound = 0;   // maximum number of frames that the engine may hold
  int in_use = 0;  // frames that the engine holds now
  FramePool::Stats memory;
};

/// Totals of nodes and edges removed during the run, so that overall totals never decrease.
struct RemovedStats {
  std::uint64_t node_count = 0;
  std::uint64_t samples = 0;    // samples delivered by removed sources
  std::uint64_t processed = 0;  // samples processed by other removed nodes
  std::uint64_t errors = 0;
  std::map<NodeDropCause, std::uint64_t> node_drops;
  std::uint64_t edge_count = 0;
  std::uint64_t passed_in = 0;
  std::uint64_t delivered = 0;
  std::uint64_t dropped = 0;  // on edges
  std::map<DropCause, std::uint64_t> drops;
};

/// A snapshot of a pipeline: Pipeline::stats(). Quantiles (p50, p99) cover the last ten seconds while it runs
/// and the whole run after it has ended. Those of a Report always cover the whole run.
struct Stats {
  std::vector<NodeStats> nodes;
  std::vector<EdgeStats> edges;
  RemovedStats removed;
  double elapsed = 0;  // seconds since start(), up to the end of the run
  std::size_t held_bytes = 0;
  std::size_t device_bytes = 0;  // GPU memory of frames
  PoolStats pool;
};

/// Summary of a finished run. `complete` means that every source reached its end, no sample was dropped, and
/// every node closed without error.
struct Report {
  Stats stats;
  bool complete = false;
  std::uint64_t samples = 0;  // samples delivered by sources
  /// Errors of nodes removed because they failed (OnError::Remove).
  std::vector<std::string> failures;
  /// Nodes that received samples but never emitted any to children that wait for them.
  std::vector<std::string> silent;
};

/// Records the connection history of a video source. Written by the source, and by the engine when it opens
/// and closes the source; read by any thread.
class SourceCounters {
 public:
  /// Totals over all connections, see SourceStats.
  struct Packets {
    std::uint64_t received = 0;
    std::uint64_t lost = 0;
    std::uint64_t late = 0;
    double jitter = 0;
    std::uint64_t marker_faults = 0;
  };

  void enter(SourceState state);
  [[nodiscard]] SourceState state() const;
  /// Call when no packets have arrived for a while. Changes Reading or WaitingKeyframe to Stalled, counted
  /// once.
  void stall();
  /// Ends Stalled and restores the previous state.
  void flow();
  /// Starts an outage at `since`, or updates the cause of the current one. `why` must not contain passwords.
  void lose(TimePoint since, std::string why);
  [[nodiscard]] bool is_lost() const;
  /// Call when a frame arrives. Ends the outage, if there is one, and returns its duration in seconds.
  std::optional<double> recover(TimePoint now);
  void count_size_change();
  void count_damaged();
  void count_undecoded();
  void set_decoder_frames(int frames);
  void set_behind(std::optional<double> seconds);
  void set_pace(double pace);
  /// See SourceStats.
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
  /// Sets SourceStats::decoder and decoder_reason. Returns false if nothing changed.
  bool set_decoder(std::string decoder, std::string reason);
  /// Counts the frames downloaded from a GPU. Shared with frames in GPU memory, which may be downloaded after
  /// the pipeline has ended.
  [[nodiscard]] const std::shared_ptr<std::atomic<std::uint64_t>>& downloads() const noexcept {
    return downloads_;
  }
  void add_card_wait(double seconds);
  void set_packets(const Packets& packets);
  /// Continues the counts of the source that this one replaced.
  void follow(const SourceStats& before);
  /// See SourceStats.
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
  Packets before_ FRESHFRAME_GUARDED_BY(mutex_);  // totals of the sources that this one replaced
  SourceState before_stall_ FRESHFRAME_GUARDED_BY(mutex_) = SourceState::Reading;
  std::optional<TimePoint> lost_since_ FRESHFRAME_GUARDED_BY(mutex_);
  const std::shared_ptr<std::atomic<std::uint64_t>> downloads_ =
      std::make_shared<std::atomic<std::uint64_t>>(0);
};

/// A node's own counters; the engine creates one per node. Written by the node's thread, read by any thread.
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
