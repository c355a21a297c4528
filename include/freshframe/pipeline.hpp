// The pipeline: add nodes, get readers, start, wait, stop.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/batch.hpp"
#include "freshframe/clock.hpp"
#include "freshframe/join.hpp"
#include "freshframe/join_node.hpp"
#include "freshframe/node.hpp"
#include "freshframe/port.hpp"
#include "freshframe/queue.hpp"
#include "freshframe/sample.hpp"
#include "freshframe/stats.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace freshframe::core {
class ReaderCore;      // src/core/pipeline/graph/reader.hpp
class PipelineAccess;  // src/core/pipeline/pipeline_access.hpp
class PipelineCore;    // src/core/pipeline/pipeline_core.hpp
}  // namespace freshframe::core

namespace freshframe {

/// What happens when a node throws. Stop: the pipeline ends. Skip: the sample is dropped and counted. Remove:
/// the node is removed, with every downstream node that no other source reaches. What it has already emitted
/// is still processed, the rest keeps running, and Report::failures has the reason. If open() fails during
/// start(), the pipeline ends in any case.
enum class OnError : std::uint8_t { Stop, Skip, Remove };
/// Parses "stop", "skip" or "remove". Throws OptionError for anything else.
[[nodiscard]] OnError parse_on_error(std::string_view name);

/// Options of Pipeline::add().
struct AddOptions {
  std::string name = {};
  /// Default: LATEST downstream of a live source (RECORDING for a recorder), LOSSLESS if all sources are
  /// files, RECORDING downstream of packets. Directly downstream of a node with several results per sample,
  /// the default queue blocks (of a recorder, only if all sources are files). See docs/reference/steps.md.
  std::optional<Queue> queue = {};
  OnError on_error = OnError::Stop;
  /// In seconds, for live sources only: an older sample is dropped as `stale` when its turn comes.
  std::optional<double> max_age = {};
  /// Several samples per call; needs a node that supports it (BatchNode). With files the default queue is
  /// then at least as deep as the batch; with live sources it is LATEST for each source.
  std::optional<Batch> batch = {};
  /// Name of the stream that on_tick() and finish() emit. Default: the node's name.
  std::string as_source = {};
  /// One sample of each parent per call; needs a node that accepts sets (JoinNode). The default queue with
  /// live sources is kJoining.
  std::optional<Join> join = {};
  /// Maximum number of samples per second and source, evenly spaced by `captured` for live sources and by
  /// `pts` for files. Others are dropped as `rate`.
  std::optional<double> max_rate = {};
  /// Passes the first and then every n-th sample of each source. Others are dropped as `rate`. At least 1.
  std::int64_t every = 1;
  /// Declares a merge: connect() can add parents while the pipeline runs, so the list of parents may be
  /// empty. A merge without parents counts as live and stays until remove() or stop().
  bool merge = false;
  /// Marks the node as a second output of this source, such as its make_packet_source(). It is removed
  /// together with the source, neither of them can be replaced, and its default name is derived from the
  /// source's: "door.packets".
  std::optional<AnyPort> companion_of = {};

  /// Returns the options for the edges into the node.
  [[nodiscard]] EdgeOptions edge() const { return {queue, max_age, max_rate, every}; }
};

/// Options of Pipeline::connect().
using ConnectOptions = EdgeOptions;

/// Options of Pipeline::remove(). With `drain`, the sources end and everything they have sent is processed,
/// as at the end of a stream; remove() returns once the merges that stay have received it. Without it, only
/// recorders process their queued samples; all others are dropped as `removed`.
struct RemoveOptions {
  bool drain = false;
  Seconds timeout{5};
};

/// Options of Pipeline::reader().
struct ReaderOptions {
  std::string name = {};
  std::optional<Queue> queue = {};
  bool frames = true;                   // false for samples without their frames
  std::optional<Join> join = {};        // if set, samples are sets (Joined)
  std::optional<double> max_rate = {};  // samples per second and source; cannot be combined with `join`

  /// Returns the options for the edges into the reader.
  [[nodiscard]] EdgeOptions edge() const { return {.queue = queue, .max_rate = max_rate}; }
};

/// Called by the waiting thread about every 50 ms, for example to handle signals. An exception ends the wait.
using WaitHook = std::function<void()>;

/// Hooks for a program that runs nodes on its own threads (NodeContract::runs_outside).
struct Embedder {
  /// Starts the threads that run these nodes. Called once, after the native threads have started.
  std::function<void()> start_outside = {};
  WaitHook hook = {};
};

/// A node with a single input type.
template <class N>
concept Step = std::derived_from<N, Node<typename N::Input, typename N::Output>> ||
               std::derived_from<N, OutNode<typename N::Input, typename N::Output>>;

/// The untyped functions of a reader, for Reader<T> and for bindings.
namespace reader_verbs {
[[nodiscard]] std::optional<AnySample> latest(core::ReaderCore& reader, std::optional<Seconds> max_age);
[[nodiscard]] std::optional<AnySample> poll(core::ReaderCore& reader);
[[nodiscard]] AnySample get(core::ReaderCore& reader, std::optional<Seconds> timeout);
[[nodiscard]] bool has_ended(const core::ReaderCore& reader);
void close(core::ReaderCore& reader);
}  // namespace reader_verbs

/// Reads samples from one or more nodes. Use it from one thread at a time. Returned frames are on loan.
/// docs/reference/readers.md describes each function.
template <class T>
class Reader {
 public:
  explicit Reader(std::shared_ptr<core::ReaderCore> core) : core_(std::move(core)) {}

  /// Returns the newest sample of all ports without waiting, and the same one again if there is none newer.
  /// Returns nullopt before the first sample, and if the newest was captured more than `max_age` ago.
  /// Thread-safe.
  [[nodiscard]] std::optional<Sample<T>> latest(std::optional<Seconds> max_age = std::nullopt) {
    return cast_sample(reader_verbs::latest(*core_, max_age));
  }
  /// Returns the next unread sample, or nullopt if there is none yet. Throws EndOfStreamError after the last.
  [[nodiscard]] std::optional<Sample<T>> poll() { return cast_sample(reader_verbs::poll(*core_)); }
  /// Waits for the next unread sample. Returns nullopt at the end of the stream. Throws ReadTimeoutError,
  /// NodeError, StalledError.
  [[nodiscard]] std::optional<Sample<T>> get(std::optional<Seconds> timeout = std::nullopt) {
    try {
      return Sample<T>(reader_verbs::get(*core_, timeout));
    } catch (const EndOfStreamError&) {
      return std::nullopt;
    }
  }
  [[nodiscard]] bool has_ended() const { return reader_verbs::has_ended(*core_); }
  /// Removes the reader from the graph. Its queued samples are dropped as `removed`, and get() and poll()
  /// behave as at the end of the stream. Thread-safe; may also be called before and after the run.
  void close() { reader_verbs::close(*core_); }
  [[nodiscard]] const std::shared_ptr<core::ReaderCore>& core() const noexcept { return core_; }

 private:
  static std::optional<Sample<T>> cast_sample(std::optional<AnySample> sample) {
    if (!sample) return std::nullopt;
    return Sample<T>(*std::move(sample));
  }

  std::shared_ptr<core::ReaderCore> core_;
};

/// A graph of nodes, each on its own thread. Runs once. Thread-safe. add(), reader(), connect(),
/// disconnect(), remove() and replace() change the graph while it runs; the first four also work before
/// start(). The destructor stops and joins all threads; nodes that are still busy after 5 s are logged and
/// left running.
class Pipeline {
 public:
  /// Options of the whole pipeline.
  struct Options {
    std::string name = "pipeline";
    std::optional<double> stall_timeout = 5.0;  // seconds; nullopt for never
    std::size_t max_held_bytes = std::size_t{1} << 30;
    /// Limit of GPU memory for frames. When it is reached, a camera drops frames (as `pool`), and a file
    /// waits.
    std::optional<std::size_t> max_device_bytes = {};  // default: a quarter of the GPU memory that was free
    std::shared_ptr<const Clock> clock = Clock::real();
    bool keep_running = false;  // keeps running after its last source has ended, and may start empty
  };

  Pipeline();
  explicit Pipeline(Options options);
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;
  ~Pipeline();

  template <class N>
    requires std::derived_from<N, Source<typename N::Output>>
  Port<typename N::Output> add(std::unique_ptr<N> source, const AddOptions& options = {}) {
    return {add_any(std::move(source), {}, options)};
  }
  /// A port of the wrong type is a compile error.
  template <class N>
    requires Step<N>
  Port<typename N::Output> add(std::unique_ptr<N> node, Port<typename N::Input> parent,
                               const AddOptions& options = {}) {
    const AnyPort parents[] = {parent.any()};
    return {add_any(std::move(node), parents, options)};
  }
  /// A merge: takes samples round-robin from the parents that have any.
  template <class N>
    requires Step<N>
  Port<typename N::Output> add(std::unique_ptr<N> node, const std::vector<Port<typename N::Input>>& parents,
                               const AddOptions& options = {}) {
    std::vector<AnyPort> all;
    for (const auto& parent : parents) all.push_back(parent.any());
    auto as_merge = options;
    as_merge.merge = true;
    return {add_any(std::move(node), all, as_merge)};
  }
  /// For a node that accepts several types.
  template <class N, class In>
    requires(std::derived_from<N, NodeBase> && N::template kTakes<In>)
  Port<typename N::Output> add(std::unique_ptr<N> node, Port<In> parent, const AddOptions& options = {}) {
    const AnyPort parents[] = {parent.any()};
    return {add_any(std::move(node), parents, options)};
  }
  template <class N, class In>
    requires(std::derived_from<N, NodeBase> && N::template kTakes<In>)
  Port<typename N::Output> add(std::unique_ptr<N> node, const std::vector<Port<In>>& parents,
                               const AddOptions& options = {}) {
    std::vector<AnyPort> all;
    for (const auto& parent : parents) all.push_back(parent.any());
    auto as_merge = options;
    as_merge.merge = true;
    return {add_any(std::move(node), all, as_merge)};
  }
  /// A join; set `options.join`. A port of the wrong type is a compile error.
  template <class N, class... In>
    requires(N::template kTakesSet<In...>)
  Port<typename N::Output> add(std::unique_ptr<N> node, const std::tuple<Port<In>...>& parents,
                               const AddOptions& options) {
    return {add_any(std::move(node), any_ports(parents), options)};
  }
  /// A reader of sets; set `options.join`.
  template <class... T>
  Reader<Joined> reader(const std::tuple<Port<T>...>& ports, const ReaderOptions& options) {
    return Reader<Joined>(reader_any(any_ports(ports), options));
  }
  template <class T>
  Reader<T> reader(Port<T> port, const ReaderOptions& options = {}) {
    const AnyPort parents[] = {port.any()};
    return Reader<T>(reader_any(parents, options));
  }
  template <class T>
  Reader<T> reader(const std::vector<Port<T>>& ports, const ReaderOptions& options = {}) {
    std::vector<AnyPort> all;
    for (const auto& port : ports) all.push_back(port.any());
    return Reader<T>(reader_any(all, options));
  }

  /// Adds an edge to a node added with a list of parents. In a running pipeline it starts with the next
  /// sample. Throws GraphError, or StateError if all parents of the node have ended.
  template <class In, class Out>
  void connect(Port<Out> child, Port<In> parent, const ConnectOptions& options = {}) {
    connect_any(child.node, parent.any(), options);
  }
  /// Removes that edge. Its queued samples are dropped as `removed`.
  template <class In, class Out>
  void disconnect(Port<Out> child, Port<In> parent) {
    disconnect_any(child.node, parent.any());
  }
  /// Changes Batch::max_wait of a node with a batch, starting with its next batch. Throws GraphError,
  /// OptionError.
  template <class T>
  void set_max_wait(Port<T> port, double max_wait) {
    set_max_wait_any(port.node, max_wait);
  }
  /// Removes a node from a running pipeline, with every downstream node that no other source reaches; merges
  /// stay. Returns the final statistics of everything removed, or empty ones if it was already gone. Throws
  /// what a close() throws, and StopTimeoutError with the nodes that are still busy, which end later on their
  /// own. If called on a node's own thread, it only requests the removal.
  template <class T>
  Stats remove(Port<T> port, const RemoveOptions& options = {}) {
    return remove_any(port.node, options);
  }
  /// Replaces a running node, for example to switch to another model or camera address. The new node opens on
  /// its own thread while the old one keeps working. When the old one's current call has finished, the new
  /// one takes over its edges, name and counters, and the old one is closed. Lossless edges lose nothing. A
  /// source continues the numbers and times of the old one. Both nodes must be native and of the same types;
  /// recorders cannot be replaced.
  ///
  /// Throws GraphError, StateError, whatever open() throws (for a source: its first attempt) and whatever the
  /// old node's close() throws. Throws StopTimeoutError if the change is not complete 5 s after open(); the
  /// message says which node is in use. If the old node was still in a call, nothing was replaced, except
  /// that a new source still takes over when the call ends. If called on a node's own thread, or while the
  /// node waits for room in a full queue, replace() returns without waiting for the change, and failures are
  /// logged.
  template <class T, class N>
    requires(std::derived_from<N, NodeBase> && std::same_as<typename N::Output, T>)
  void replace(Port<T> port, std::unique_ptr<N> node) {
    replace_any(port.node, std::move(node));
  }
  void replace_any(int node, std::unique_ptr<NodeBase> next);
  Stats remove_any(int node, const RemoveOptions& options);
  void connect_any(int child, const AnyPort& parent, const ConnectOptions& options);
  void disconnect_any(int child, const AnyPort& parent);
  void set_max_wait_any(int node, double max_wait);

  /// Untyped forms of add() and reader() for embedders. Types are checked at run time. add_any() returns the
  /// node's index.
  int add_any(std::unique_ptr<NodeBase> node, std::span<const AnyPort> parents, const AddOptions& options);
  std::shared_ptr<core::ReaderCore> reader_any(std::span<const AnyPort> parents,
                                               const ReaderOptions& options);

  /// Opens every node and source, then lets samples flow. Throws GraphError, StateError, SourceError,
  /// NodeError. If a hook of the embedder throws, the pipeline is asked to stop: end the embedder's nodes,
  /// then call stop().
  void start(const Embedder& embedder = {});
  /// Waits for the end. Returns false on timeout. Throws the first NodeError or SourceError, and
  /// StalledError.
  bool wait(std::optional<Seconds> timeout = std::nullopt, const WaitHook& hook = {});
  /// Calls start() if needed, waits for the end, and stops.
  Report run();
  /// Idempotent. Throws StopTimeoutError, which names the nodes that are still busy. If called on a node's
  /// own thread, it only requests the stop.
  void stop(Seconds timeout = Seconds{5}, const WaitHook& hook = {});

  [[nodiscard]] Stats stats() const;
  [[nodiscard]] Report report() const;
  [[nodiscard]] std::string node_name(int index) const;
  /// The graph as text: one edge per line, with its queue and counts.
  [[nodiscard]] std::string to_string() const;

 private:
  friend class core::PipelineAccess;

  template <class... T>
  static std::vector<AnyPort> any_ports(const std::tuple<Port<T>...>& ports) {
    return std::apply([](const auto&... port) { return std::vector<AnyPort>{port.any()...}; }, ports);
  }

  std::shared_ptr<core::PipelineCore> core_;
};

}  // namespace freshframe
