// The nodes of the graph: Node, BatchNode and Source, and the untyped classes that the engine runs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/error.hpp"
#include "freshframe/sample.hpp"
#include "freshframe/stats.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace freshframe::core {
class FedSource;      // src/core/watch/feed.hpp
class WatchedSource;  // src/core/watch/watched_source.hpp
}  // namespace freshframe::core
namespace freshframe::media {
class PacketCamera;        // src/media/packets/packet_camera.hpp
class ReconnectingSource;  // src/sources/live/reconnecting_source.hpp
}  // namespace freshframe::media
namespace freshframe::plugin {
class NamesTypes;  // src/plugin/plugin_node.hpp
}  // namespace freshframe::plugin
namespace freshframe::process {
class ProcessNode;  // src/process/crew/process_node.hpp
}  // namespace freshframe::process

namespace freshframe {

class CameraSettings;  // camera.hpp
class LookBack;        // look.hpp

/// Output type of a sink.
struct Nothing {};

/// Passed to every call of a node. `stop` fires when the pipeline stops; every wait must then end.
struct Context {
  std::stop_token stop;
  const Clock& clock;
  NodeCounters& counters;
  std::string_view node = {};  // the node's name in the pipeline; empty if it runs without a pipeline
};

/// One result of a node. It is a frame if `value` is empty.
struct Emitted {
  ValueRef value;
  Frame frame;
  std::shared_ptr<const Stamp> like = {};  // stamp to use; null for the stamp of the current sample
};

/// Receives the results of one call of a node, untyped. Valid only during that call, on its thread.
class AnyOut {
 public:
  AnyOut() = default;
  AnyOut(const AnyOut&) = delete;
  AnyOut& operator=(const AnyOut&) = delete;

  /// See Out<T>.
  virtual bool emit(Emitted result) = 0;

 protected:
  ~AnyOut() = default;
};

/// The output of a source. `seq` must increase, or the source fails: if a device's counter wraps or restarts,
/// continue it here. `captured` is when the device, file or network delivered the packet. It may go
/// backwards, as in video with B-frames, where display order is not decoding order. A time in the future is
/// replaced by now; if it is more than a second ahead, that is logged once, since it comes from a different
/// clock.
template <class T>
struct SourceItem {
  T value;
  double pts = 0;        // seconds in the source's own time
  TimePoint captured{};  // capture time on the pipeline's clock; default: now
  /// Default: the next number. Leave a gap for frames that the device lost.
  std::optional<std::int64_t> seq = {};
  std::shared_ptr<const std::string> path = {};  // the file of this sample, if each has its own
  /// Wall time of the capture. Default: for a live source this machine's wall time at `captured`, otherwise
  /// none.
  Utc utc = {};
  /// Seconds of `pts` per second of real time. Set it only if the source has found that its timestamps run
  /// too fast or too slowly.
  float pace = 1;
};

/// An input of a node that processes the sets of a join.
struct JoinInput {
  const TypeInfo* type = nullptr;  // nullptr: any
  bool may_miss = false;           // whether a partial set may be without this input
};

/// What a node declares about itself, so that the engine treats it accordingly.
struct NodeContract {
  // ---- input

  /// process_batch_any() handles several samples at once. Required for AddOptions::batch.
  bool takes_batches = false;
  /// Samples may be the sets of a join (Joined). Required for AddOptions::join.
  bool takes_sets = false;
  /// For a node that only accepts sets: its inputs, in the order of its parents. Empty means any number of
  /// any type.
  std::vector<JoinInput> sets = {};
  /// Accepts samples of a single source only, like a recorder. Ports with several sources are rejected.
  bool needs_one_source = false;

  // ---- output

  /// The engine calls process_out_any() instead of process_any(), and a sample may have any number of
  /// results. The default queue of the node's children blocks.
  bool gives_several = false;
  /// The results are encoded packets, even if the output type is not Packet: no downstream queue drops one
  /// while it keeps later ones that depend on it.
  bool gives_packets = false;
  /// Interval of on_tick_any(), more than 0 s and at most a day. Default: never called.
  std::optional<Seconds> tick_every = {};
  /// The engine calls finish_any().
  bool finishes = false;
  /// For a node with a clock: on_tick_any() is called once more after each source_gone(), outside the regular
  /// schedule, unless all sources have ended. Its results may have stamps of the finished source, whose
  /// stream ends for the children only after them.
  bool gives_last_of_source = false;

  // ---- a recorder

  /// Path of the file that the node writes. start() rejects a file that a source reads or another recorder
  /// writes. The node must replace an existing file with its first sample, not in open().
  std::optional<std::string> records_to = {};
  /// The node is a recorder even if it does not write a file: downstream of a live source its default queue
  /// is kRecording, and stop() lets it process the samples still queued.
  bool records = false;
  /// How the user can speed the recorder up, for the warning that its queue is full. May be empty.
  std::string way_to_be_faster = {};

  // ---- thread

  /// The embedder runs the node on its own thread and drives its Runner (a Python node).
  bool runs_outside = false;

  [[nodiscard]] bool is_recorder() const noexcept { return records || records_to.has_value(); }
  /// Returns true if on_tick_any() and finish_any() emit results. These belong to no sample, so they form a
  /// stream of the node's own.
  [[nodiscard]] bool has_own_stream() const noexcept { return finishes || tick_every.has_value(); }
};

/// Whatever the embedder keeps for a node with NodeContract::runs_outside. Only the embedder derives from it.
struct Embedded {
  Embedded() = default;
  Embedded(const Embedded&) = delete;
  Embedded& operator=(const Embedded&) = delete;
  virtual ~Embedded() = default;
};

/// The optional interfaces of a node; null if it does not have them.
struct NodeAbilities {
  core::WatchedSource* watched = nullptr;  // set if the node decodes only while someone uses its frames
  media::ReconnectingSource* reconnects = nullptr;
  core::FedSource* fed = nullptr;          // set if a browser sends the frames
  media::PacketCamera* packets = nullptr;  // set for a network stream whose packets are available
  CameraSettings* settings = nullptr;      // a local camera
  LookBack* look = nullptr;
  plugin::NamesTypes* types = nullptr;
  process::ProcessNode* workers = nullptr;
  Embedded* embedded = nullptr;
};

/// Statistics of a node in addition to its counters, for NodeStats.
struct NodeReport {
  std::optional<SenderStats> sender = {};
  std::vector<WorkerStats> workers = {};
  std::optional<InferenceStats> inference = {};
  std::optional<SpoolStats> spool = {};
  std::optional<PublishStats> publish = {};
};

/// The untyped node that the engine runs: open(), then process() once per sample, then close(), all on one
/// thread. Owned by its pipeline. An exception becomes a NodeError, unless it is a SourceError.
class NodeBase {
 public:
  NodeBase() = default;
  NodeBase(const NodeBase&) = delete;
  NodeBase& operator=(const NodeBase&) = delete;
  virtual ~NodeBase() = default;

  /// Name of the node, unless add() gets one.
  [[nodiscard]] virtual std::string default_name() const { return "node"; }
  /// Input type. nullptr: any type, or one of input_types().
  [[nodiscard]] virtual const TypeInfo* input_type() const noexcept { return nullptr; }
  /// The accepted input types; empty means any.
  [[nodiscard]] virtual std::vector<const TypeInfo*> input_types() const {
    if (const auto* type = input_type()) return {type};
    return {};
  }
  /// For a node that accepts several types. add() and replace() call it first, with the parent's output type,
  /// or with nullptr if that is unknown. It may be called again until the node has been added. Throws
  /// OptionError if the node's options do not fit the type.
  virtual void set_input(const TypeInfo* /*type*/) {}
  /// Output type, or nullptr if it is not known in advance.
  [[nodiscard]] virtual const TypeInfo* output_type() const noexcept { return nullptr; }
  [[nodiscard]] virtual bool is_source() const noexcept { return false; }
  /// What the node declares about itself. Called when it is added and when the graph changes, never per
  /// sample. The answer may depend on set_input(). A derived class extends its base's contract: `auto own =
  /// Base::contract(); own.finishes = true; return own;`.
  [[nodiscard]] virtual NodeContract contract() const { return {}; }
  [[nodiscard]] virtual NodeAbilities abilities() noexcept { return {}; }
  /// Returns the node's part of NodeStats. Must be thread-safe. `span`: the period of the inference times.
  [[nodiscard]] virtual NodeReport report(Span /*span*/) const { return {}; }

  virtual void open(const Context& /*context*/) {}
  /// Return nullopt to emit nothing.
  virtual std::optional<Emitted> process_any(const AnySample& sample, const Context& context) = 0;
  /// Called instead of process_any() if the node was added with a batch. Return one entry per sample, in the
  /// same order; nullopt emits nothing for that sample.
  virtual std::vector<std::optional<Emitted>> process_batch_any(std::span<const AnySample> /*samples*/,
                                                                const Context& /*context*/) {
    return {};
  }
  /// When to call idle(), unless a sample arrives earlier; nullopt means never. Called before each wait for a
  /// sample.
  [[nodiscard]] virtual std::optional<TimePoint> idle_at() const { return std::nullopt; }
  /// Called if no sample has arrived by idle_at(). Only downstream of live sources and without a batch: a
  /// file's samples may take any time to arrive.
  virtual void idle(const Context& /*context*/) {}
  /// The source with this number (Stamp::source) will send nothing more, and the number is never reused, so
  /// the node can free what it keeps for it. Called on the node's thread, between two other calls.
  virtual void source_gone(int /*source*/) {}
  /// Called instead of process_any() if contract().gives_several is set.
  virtual void process_out_any(const AnySample& /*sample*/, AnyOut& /*out*/, const Context& /*context*/) {}
  /// Called between two samples, or while waiting for one, at the pipeline's start + k x
  /// NodeContract::tick_every. If several ticks fall due during another call, only the last one is called,
  /// late, and the others count as missed.
  virtual void on_tick_any(TimePoint /*now*/, AnyOut& /*out*/, const Context& /*context*/) {}
  /// Called once before close(), when all parents have ended or the pipeline stops. Not called after a
  /// failure of any node of the pipeline, unless that was skipped (OnError::Skip).
  virtual void finish_any(AnyOut& /*out*/, const Context& /*context*/) {}
  /// Called once if open() succeeded, even after a failure or stop. May throw, for example if a sink cannot
  /// flush.
  virtual void close() {}
};

/// The untyped base of sources.
class SourceBase : public NodeBase {
 public:
  [[nodiscard]] bool is_source() const noexcept final { return true; }
  /// True if the source cannot wait, as with a camera: a full edge then drops samples instead of blocking.
  [[nodiscard]] virtual bool live() const noexcept = 0;
  /// Total number of samples, if it is known (files).
  [[nodiscard]] virtual std::optional<std::int64_t> total() const { return std::nullopt; }
  /// Path of the file that the source reads, if it reads one.
  [[nodiscard]] virtual std::optional<std::string> reads_from() const { return std::nullopt; }
  /// Returns true if NodeStats::source describes the connection. The engine sets Connecting, Reading, Closing
  /// and Closed; the source writes everything else to `context.counters.source()`.
  [[nodiscard]] virtual bool has_source_stats() const noexcept { return false; }
  /// Returns the next sample, or nullopt at the end of the stream. Any wait must end when `context.stop`
  /// fires.
  virtual std::optional<SourceItem<Emitted>> read_any(const Context& context) = 0;

  std::optional<Emitted> process_any(const AnySample& /*sample*/, const Context& /*context*/) final {
    return std::nullopt;
  }
};

namespace detail {

template <class T>
Emitted to_emitted(T value) {
  if constexpr (std::is_same_v<T, Frame>) {
    return {{}, std::move(value)};
  } else {
    return {ValueRef::make<T>(std::move(value)), {}};
  }
}

template <class T>
bool holds(const AnySample& sample) noexcept {
  if constexpr (std::is_same_v<T, Frame>) {
    return !sample.value && sample.frame;
  } else {
    return sample.value.as<T>() != nullptr;
  }
}

/// Returns a typed view. Throws GraphError if the sample has another type, which can only happen downstream
/// of a node without an output type.
template <class T>
Sample<T> cast_sample(const AnySample& sample) {
  if (!holds<T>(sample)) {
    throw GraphError("takes " + std::string(kTypeName<T>) + ", but its parent returned something else");
  }
  return Sample<T>(sample);
}

}  // namespace detail

/// Emits the results of one call of a node: `out(value)`. Valid only during that call, on its thread. Blocks
/// while a blocking edge is full. Returns false if the pipeline is stopping: return soon. Always returns true
/// in finish().
template <class T>
class Out {
 public:
  explicit Out(AnyOut& out) noexcept : out_(out) {}

  /// Emits a result for the current sample. In on_tick() and finish() there is none, and the result goes to
  /// the node's own stream.
  bool operator()(T value) { return out_.emit(detail::to_emitted<T>(std::move(value))); }
  /// Emits a result with the stamp of an earlier sample. Within a source `seq` must not decrease, or it
  /// throws Error. `frame` is the frame that the children get with a value.
  bool operator()(T value, const Stamp& like, Frame frame = {}) {
    auto result = detail::to_emitted<T>(std::move(value));
    if (result.value) result.frame = std::move(frame);
    result.like = std::make_shared<const Stamp>(like);
    return out_.emit(std::move(result));
  }
  /// Emits a value with an earlier sample's stamp and frame.
  template <class In>
  bool operator()(T value, const Sample<In>& like) {
    return (*this)(std::move(value), like.stamp, like.frame);
  }

 private:
  AnyOut& out_;
};

/// A processing step. Derive from it, implement process(), and pass std::make_unique<Mine>() to
/// Pipeline::add().
template <class In, class Out>
class Node : public NodeBase {
 public:
  using Input = In;
  using Output = Out;

  [[nodiscard]] const TypeInfo* input_type() const noexcept final { return get_type<In>(); }
  [[nodiscard]] const TypeInfo* output_type() const noexcept final { return get_type<Out>(); }

  /// Called by one thread at a time. Return nullopt to emit nothing.
  virtual std::optional<Out> process(const Sample<In>& sample, const Context& context) = 0;

  std::optional<Emitted> process_any(const AnySample& sample, const Context& context) final {
    auto out = process(detail::cast_sample<In>(sample), context);
    if (!out) return std::nullopt;
    return detail::to_emitted<Out>(*std::move(out));
  }
};

/// A processing step with any number of results per sample. Derive from it and implement process().
template <class In, class Result>
class OutNode : public NodeBase {
 public:
  using Input = In;
  using Output = Result;

  [[nodiscard]] const TypeInfo* input_type() const noexcept final { return get_type<In>(); }
  [[nodiscard]] const TypeInfo* output_type() const noexcept final { return get_type<Result>(); }
  [[nodiscard]] NodeContract contract() const override { return {.gives_several = true}; }

  /// Called by one thread at a time. A result is sent immediately by `out`, even if process() throws later.
  virtual void process(const Sample<In>& sample, Out<Result>& out, const Context& context) = 0;

  void process_out_any(const AnySample& sample, AnyOut& out, const Context& context) final {
    Out<Result> typed(out);
    process(detail::cast_sample<In>(sample), typed, context);
  }
  std::optional<Emitted> process_any(const AnySample& /*sample*/, const Context& /*context*/) final {
    throw StateError("returns several results per sample: it needs process_out_any()");
  }
};

/// Adds a clock to any kind of node: `class PerMinute : public Ticking<Node<Detections, int>>`.
template <class Base>
class Ticking : public Base {
 public:
  /// See NodeContract::tick_every.
  [[nodiscard]] virtual std::optional<Seconds> tick_every() const = 0;
  [[nodiscard]] NodeContract contract() const override {
    auto own = Base::contract();
    own.tick_every = tick_every();
    return own;
  }
  /// See NodeBase::on_tick_any().
  virtual void on_tick(TimePoint now, Out<typename Base::Output>& out, const Context& context) = 0;

  void on_tick_any(TimePoint now, AnyOut& out, const Context& context) final {
    Out<typename Base::Output> typed(out);
    on_tick(now, typed, context);
  }
};

/// Lets any kind of node emit final results: `class Window : public Finishing<Node<Detections, int>>`.
template <class Base>
class Finishing : public Base {
 public:
  /// See NodeBase::finish_any().
  virtual void finish(Out<typename Base::Output>& out, const Context& context) = 0;

  [[nodiscard]] NodeContract contract() const override {
    auto own = Base::contract();
    own.finishes = true;
    return own;
  }
  void finish_any(AnyOut& out, const Context& context) final {
    Out<typename Base::Output> typed(out);
    finish(typed, context);
  }
};

/// A step that accepts samples of two types. Derive from it and implement both overloads of process().
template <class A, class B, class Out>
class EitherNode : public NodeBase {
 public:
  using Output = Out;
  template <class In>
  static constexpr bool kTakes = std::is_same_v<In, A> || std::is_same_v<In, B>;

  [[nodiscard]] const TypeInfo* input_type() const noexcept final { return nullptr; }
  [[nodiscard]] std::vector<const TypeInfo*> input_types() const override {
    return {get_type<A>(), get_type<B>()};
  }
  [[nodiscard]] const TypeInfo* output_type() const noexcept final { return get_type<Out>(); }

  /// Called by one thread at a time. Return nullopt to emit nothing.
  virtual std::optional<Out> process(const Sample<A>& sample, const Context& context) = 0;
  virtual std::optional<Out> process(const Sample<B>& sample, const Context& context) = 0;

  std::optional<Emitted> process_any(const AnySample& sample, const Context& context) final {
    std::optional<Out> out;
    if (detail::holds<A>(sample)) {
      out = process(Sample<A>(sample), context);
    } else if (detail::holds<B>(sample)) {
      out = process(Sample<B>(sample), context);
    } else {  // only possible downstream of a node without an output type
      throw GraphError("takes " + std::string(kTypeName<A>) + " or " + std::string(kTypeName<B>) +
                       ", but its parent returned something else");
    }
    if (!out) return std::nullopt;
    return detail::to_emitted<Out>(*std::move(out));
  }
};

/// A step that processes several samples at once. Derive from it, implement process_batch(), and add it with
/// AddOptions::batch; otherwise every batch has one sample.
template <class In, class Out>
class BatchNode : public Node<In, Out> {
 public:
  [[nodiscard]] NodeContract contract() const override { return {.takes_batches = true}; }

  /// Called by one thread at a time. Return one entry per sample, in the same order; nullopt emits nothing
  /// for that sample. Each result gets the stamp of its sample. An exception fails all samples of the call.
  virtual std::vector<std::optional<Out>> process_batch(std::span<const Sample<In>> samples,
                                                        const Context& context) = 0;

  std::optional<Out> process(const Sample<In>& sample, const Context& context) final {
    auto results = process_batch(std::span(&sample, 1), context);
    check_results(results.size(), 1);
    return std::move(results.front());
  }

  std::vector<std::optional<Emitted>> process_batch_any(std::span<const AnySample> samples,
                                                        const Context& context) final {
    std::vector<Sample<In>> given;
    given.reserve(samples.size());
    for (const auto& sample : samples) given.push_back(detail::cast_sample<In>(sample));
    auto results = process_batch(given, context);
    check_results(results.size(), samples.size());
    std::vector<std::optional<Emitted>> outputs(results.size());
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (results[i]) outputs[i] = detail::to_emitted<Out>(*std::move(results[i]));
    }
    return outputs;
  }

 private:
  static void check_results(std::size_t given, std::size_t wanted) {
    if (given == wanted) return;
    throw OptionError("process_batch() must return one result per sample, got " + std::to_string(given) +
                      " for a batch of " + std::to_string(wanted));
  }
};

/// A node without input. Derive from it and implement read().
template <class Out>
class Source : public SourceBase {
 public:
  using Output = Out;

  [[nodiscard]] const TypeInfo* output_type() const noexcept final { return get_type<Out>(); }

  virtual std::optional<SourceItem<Out>> read(const Context& context) = 0;

  std::optional<SourceItem<Emitted>> read_any(const Context& context) final {
    auto item = read(context);
    if (!item) return std::nullopt;
    return SourceItem<Emitted>{detail::to_emitted<Out>(std::move(item->value)),
                               item->pts,
                               item->captured,
                               item->seq,
                               std::move(item->path),
                               item->utc,
                               item->pace};
  }
};

}  // namespace freshframe
