// The graph: add nodes, take readers, start, wait, stop.
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
class ReaderCore;      // src/core/pipeline/reader.hpp
class PipelineAccess;  // src/core/pipeline/pipeline_access.hpp
class PipelineCore;    // src/core/pipeline/pipeline_core.hpp
}  // namespace freshframe::core

namespace freshframe {

/// The effect of an exception in a node. Stop: it ends the pipeline. Skip: the sample is dropped and counted.
/// Remove: the node goes with all nodes below it that no source reaches without it, what it has given is
/// processed, and the rest runs on; Report::failures has its text. A failure of open() at the start ends the
/// pipeline in any case.
enum class OnError : std::uint8_t { Stop, Skip, Remove };
/// "stop", "skip" or "remove". Throws OptionError for another name.
[[nodiscard]] OnError parse_on_error(std::string_view name);

/// Options of Pipeline::add(). `queue` empty: LATEST (a recorder: RECORDING) below a live source, LOSSLESS
/// below files only. Directly below a node of several results per sample it is a blocking one (for a
/// recorder only below files): see docs/reference/steps.md. Below packets it is RECORDING.
/// `max_age` (seconds, live only): an older sample is dropped as `stale` when its turn comes.
/// `max_rate`: at most this number of samples per second and source passes, evenly by `captured` below live sources, by
/// `pts` below files. The others are dropped as `rate`.
/// `batch`: the node, which must take batches (BatchNode), gets several samples per call. The default queue
/// is then at least as deep as the batch below files; below live sources it is LATEST, of each source.
/// `as_source`: the name of the stream of a node's on_tick() and finish(). Default: the node's name.
/// `join`: the node, which must take sets (JoinNode), gets a sample of each parent. The default queue below
/// live sources is kJoining.
struct AddOptions {
  std::string name = {};
  std::optional<Queue> queue = {};
  OnError on_error = OnError::Stop;
  std::optional<double> max_age = {};
  std::optional<Batch> batch = {};
  std::string as_source = {};
  std::optional<Join> join = {};
  std::optional<double> max_rate = {};
  /// The parents are a list, which may be empty: connect() can add more while the pipeline runs. A merge
  /// without parents is live and stays until remove() or stop().
  bool merge = false;
  /// The node is a second output of this source, such as its make_packet_source(). It is removed with the source, neither of the
  /// two can be replaced, and its default name begins with the source's: "door.packets".
  std::optional<AnyPort> companion_of = {};
};

/// Options of Pipeline::connect(), as of add().
struct ConnectOptions {
  std::optional<Queue> queue = {};
  std::optional<double> max_age = {};
  std::optional<double> max_rate = {};
};

/// Options of Pipeline::remove(). `drain`: the sources end, and all that they have sent is processed, as at the
/// end of a stream; remove() returns when merges that stay have taken it. Else only recorders write their
/// waiting samples, and the others are dropped as `removed`.
struct RemoveOptions {
  bool drain = false;
  Seconds timeout{5};
};

/// Options of Pipeline::reader().
struct ReaderOptions {
  std::string name = {};
  std::optional<Queue> queue = {};
  bool frames = true;                   // false means samples come without their frame
  std::optional<Join> join = {};        // the values are Joined
  std::optional<double> max_rate = {};  // samples per second and source; not with a join
};

/// Called about every 50 ms by the waiting thread. An exception ends the wait. An embedder handles signals
/// there.
using WaitHook = std::function<void()>;

/// The hooks of a program that runs nodes on its own threads (NodeBase::runs_outside()).
struct Embedder {
  /// Starts those threads. Called once, after the native threads have started.
  std::function<void()> start_outside = {};
  WaitHook hook = {};
};

/// A node of one type of input.
template <class N>
concept Step = std::derived_from<N, Node<typename N::Input, typename N::Output>> ||
               std::derived_from<N, OutNode<typename N::Input, typename N::Output>>;

/// The verbs of a reader, untyped, for Reader<T> and bindings.
namespace reader_verbs {
[[nodiscard]] std::optional<AnySample> latest(core::ReaderCore& reader, std::optional<Seconds> max_age);
[[nodiscard]] std::optional<AnySample> poll(core::ReaderCore& reader);
[[nodiscard]] AnySample get(core::ReaderCore& reader, std::optional<Seconds> timeout);
[[nodiscard]] bool has_ended(const core::ReaderCore& reader);
void close(core::ReaderCore& reader);
}  // namespace reader_verbs

/// Pulls samples from one or more nodes. One thread at a time. Frames that it returns are on loan.
/// docs/reference/queues.md describes each verb.
template <class T>
class Reader {
 public:
  explicit Reader(std::shared_ptr<core::ReaderCore> core) : core_(std::move(core)) {}

  /// The newest sample of all ports, the same again when nothing is newer, nullopt before the first and if the newest
  /// was captured more than `max_age` ago. Never waits. Any thread.
  [[nodiscard]] std::optional<Sample<T>> latest(std::optional<Seconds> max_age = std::nullopt) {
    return cast_sample(reader_verbs::latest(*core_, max_age));
  }
  /// The next unseen sample or nullopt. Throws EndOfStreamError after the last.
  [[nodiscard]] std::optional<Sample<T>> poll() { return cast_sample(reader_verbs::poll(*core_)); }
  /// Waits for the next unseen sample; nullopt at the end of the stream. Throws ReadTimeoutError, NodeError,
  /// StalledError.
  [[nodiscard]] std::optional<Sample<T>> get(std::optional<Seconds> timeout = std::nullopt) {
    try {
      return Sample<T>(reader_verbs::get(*core_, timeout));
    } catch (const EndOfStreamError&) {
      return std::nullopt;
    }
  }
  [[nodiscard]] bool has_ended() const { return reader_verbs::has_ended(*core_); }
  /// The reader leaves the graph: its waiting samples are dropped as `removed`, and get() and poll() are at the end.
  /// Any thread, before and after the run, too.
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
/// disconnect(), remove() and replace() change the graph while it runs, the first four also before start(). The
/// destructor stops and joins; nodes that are still busy after 5 s are named in the log and left running.
class Pipeline {
 public:
  /// Options of a whole pipeline.
  struct Options {
    std::string name = "pipeline";
    std::optional<double> stall_timeout = 5.0;  // seconds; nullopt means never
    std::size_t max_held_bytes = std::size_t{1} << 30;
    /// Bytes of all pictures that stay on graphics cards. A camera drops what finds no room (`pool`), a file waits.
    std::optional<std::size_t> max_device_bytes = {};  // default: a quarter of what was free on the card
    std::shared_ptr<const Clock> clock = Clock::real();
    bool keep_running = false;  // it does not end with its last source, and may begin without any node
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
  /// A wrong port type does not compile.
  template <class N>
    requires Step<N>
  Port<typename N::Output> add(std::unique_ptr<N> node, Port<typename N::Input> parent,
                               const AddOptions& options = {}) {
    const AnyPort parents[] = {parent.any()};
    return {add_any(std::move(node), parents, options)};
  }
  /// A merge: takes round-robin from the parents that have samples.
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
  /// Adds a node that takes several types.
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
  /// A join, with `options.join`. A wrong port type does not compile.
  template <class N, class... In>
    requires(N::template kTakesSet<In...>)
  Port<typename N::Output> add(std::unique_ptr<N> node, const std::tuple<Port<In>...>& parents,
                               const AddOptions& options) {
    return {add_any(std::move(node), any_ports(parents), options)};
  }
  /// A reader of sets, with `options.join`.
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

  /// One more edge into a node that was added with a list of parents. While the pipeline runs it gets the
  /// samples from the next one on. Throws GraphError, and StateError when all its parents have ended.
  template <class In, class Out>
  void connect(Port<Out> child, Port<In> parent, const ConnectOptions& options = {}) {
    connect_any(child.node, parent.any(), options);
  }
  /// Takes that edge away. The waiting samples are dropped as `removed`.
  template <class In, class Out>
  void disconnect(Port<Out> child, Port<In> parent) {
    disconnect_any(child.node, parent.any());
  }
  /// Changes Batch::max_wait of a node that was added with a batch, from its next batch on. Throws GraphError,
  /// OptionError.
  template <class T>
  void set_max_wait(Port<T> port, double max_wait) {
    set_max_wait_any(port.node, max_wait);
  }
  /// Ends a node of a running pipeline and all nodes below it that no source reaches without it; merges stay.
  /// Returns the last statistics of all that went, or nothing when it was removed before. Throws the failure of
  /// a close(), and StopTimeoutError with the nodes that are still busy, which end by themselves. On a node's own
  /// thread it only asks.
  template <class T>
  Stats remove(Port<T> port, const RemoveOptions& options = {}) {
    return remove_any(port.node, options);
  }
  /// Another node takes the place of a running one: a new model, another address of a camera. It opens on its
  /// own thread while the old one works. When the old one's call has ended, it takes over the edges, name and
  /// counters, and the old one closes there. Lossless edges lose nothing. A source goes on with the numbers
  /// and times of the one before. Both must be native, of the same types, and no recorders. Throws
  /// GraphError, StateError, the failures of open() (of a source: its first attempt) and of the old one's
  /// close(), and StopTimeoutError 5 s after open(): the old one, still in a call, works on (a source goes
  /// after it). On a node's own thread, and while the node waits for room in a full queue, it does not wait
  /// for the change, and failures are logged.
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

  /// Untyped forms for embedders; types are checked here. Returns the node's index.
  int add_any(std::unique_ptr<NodeBase> node, std::span<const AnyPort> parents, const AddOptions& options);
  std::shared_ptr<core::ReaderCore> reader_any(std::span<const AnyPort> parents,
                                               const ReaderOptions& options);

  /// Opens every node and source, then lets samples flow. Throws GraphError, StateError, SourceError,
  /// NodeError. After an exception of the embedder the pipeline is asked to stop: end its nodes, then call
  /// stop().
  void start(const Embedder& embedder = {});
  /// Returns true if the pipeline has ended. Throws the first NodeError or SourceError, and StalledError.
  bool wait(std::optional<Seconds> timeout = std::nullopt, const WaitHook& hook = {});
  /// start() unless started, wait until the end, stop.
  Report run();
  /// Idempotent. Throws StopTimeoutError naming the nodes that are still busy; from a node's own thread only
  /// requests.
  void stop(Seconds timeout = Seconds{5}, const WaitHook& hook = {});

  [[nodiscard]] Stats stats() const;
  [[nodiscard]] Report report() const;
  [[nodiscard]] std::string node_name(int index) const;
  /// The graph as text, one edge per line with policy and counts.
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
