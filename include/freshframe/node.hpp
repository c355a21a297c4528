// A step of the graph: Node<In, Out>, BatchNode<In, Out> and Source<Out>, the typed forms of the engine's nodes.
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

/// Output of a sink.
struct Nothing {};

/// Given to every call of a node. `stop` fires when the pipeline stops, and every wait must end then.
struct Context {
  std::stop_token stop;
  const Clock& clock;
  NodeCounters& counters;
  std::string_view node = {};  // its name in the pipeline; empty means it runs alone
};

/// One result of a node: a value, or a frame when `value` is empty.
struct Emitted {
  ValueRef value;
  Frame frame;
  std::shared_ptr<const Stamp> like = {};  // stamp of its sample; null for the present one
};

/// Takes the results of one call of a node, untyped. Valid during that call, on its thread.
class AnyOut {
 public:
  AnyOut() = default;
  AnyOut(const AnyOut&) = delete;
  AnyOut& operator=(const AnyOut&) = delete;

  /// Does what Out<T> does.
  virtual bool emit(Emitted result) = 0;

 protected:
  ~AnyOut() = default;
};

/// The output of a source. Each `seq` is greater than the one before, else the source ends with an error:
/// continue the counter of a device that wraps or begins again. `captured` is the time at which device, file
/// or network delivered the packet. It may go back, as in a video with B-frames, whose pictures are shown in
/// another order. A time to come counts as now, and a time that is more than a second ahead is logged once:
/// it is from another clock.
template <class T>
struct SourceItem {
  T value;
  double pts = 0;                        // seconds in the source's own time
  TimePoint captured{};                  // time of the pipeline's clock; default: now
  std::optional<std::int64_t> seq = {};  // default: the next number; a device that lost frames skips theirs
  std::shared_ptr<const std::string> path = {};  // path of the file, where each sample has its own file
  /// Wall time of the capture. By default a live source has the time of this machine at `captured`, and others
  /// have none.
  Utc utc = {};
};

/// An input of a node that takes the sets of a join.
struct JoinInput {
  const TypeInfo* type = nullptr;  // nullptr: any
  bool may_miss = false;           // in a partial set
};

/// The properties that a node declares. A new one is a field here, and its use.
struct NodeContract {
  // ---- samples
  /// process_batch_any() takes several samples at once, as AddOptions::batch needs it.
  bool takes_batches = false;
  /// The samples may be the sets of a join (Joined), as AddOptions::join needs it.
  bool takes_sets = false;
  /// The inputs of a node that takes nothing but sets, in the order of its parents; none means any number of
  /// any type.
  std::vector<JoinInput> sets = {};
  /// It accepts the samples of one source only, as a video file does. A port with several is refused.
  bool needs_one_source = false;

  // ---- results
  /// process_out_any() is called instead of process_any(), and one sample may have any number of results. The default
  /// queue of such a node's children blocks.
  bool gives_several = false;
  /// The results are encoded pictures, which an output type other than Packet may hide: no queue below the node drops
  /// one before others that refer to it.
  bool gives_packets = false;
  /// The period of on_tick_any(), more than 0 s and at most a day; nullopt means it is never called.
  std::optional<Seconds> tick_every = {};
  /// finish_any() is called.
  bool finishes = false;
  /// For a node with a clock: on_tick_any() is called again after source_gone(), beside its grid, unless all
  /// has ended. Those results may have stamps of that source, whose stream ends after them for the children.
  bool gives_last_of_source = false;

  // ---- a recorder
  /// The path of the file that the node writes: start() refuses a file that a source reads or another
  /// recorder writes. The node replaces an existing file with its first sample, never in open().
  std::optional<std::string> records_to = {};
  /// It is a recorder even without a file: below a live source its default queue is kRecording, and stop() lets it
  /// write the waiting samples.
  bool records = false;
  /// For the warning that a recorder's queue is full: how its user can make it faster; empty means nothing is
  /// known.
  std::string way_to_be_faster = {};

  // ---- its thread
  /// The embedder runs the node on its own thread, through its Runner's steps (a Python node).
  bool runs_outside = false;

  [[nodiscard]] bool is_recorder() const noexcept { return records || records_to.has_value(); }
  /// The results of on_tick_any() and finish_any() belong to no sample: they are the node's own stream.
  [[nodiscard]] bool has_own_stream() const noexcept { return finishes || tick_every.has_value(); }
};

/// The base of whatever the program around the engine keeps for a node with NodeContract::runs_outside. That program
/// alone derives from it.
struct Embedded {
  Embedded() = default;
  Embedded(const Embedded&) = delete;
  Embedded& operator=(const Embedded&) = delete;
  virtual ~Embedded() = default;
};

/// The interfaces that a node has beside NodeBase, or null. A new one is a field here, and its use.
struct NodeAbilities {
  core::WatchedSource* watched = nullptr;  // it makes frames only while they are taken, and asks viewers
  media::ReconnectingSource* reconnects = nullptr;  // a camera or a stream that connects again
  media::PacketCamera* packets = nullptr;           // a network stream whose packets can be taken
  CameraSettings* settings = nullptr;               // a camera of this machine
  LookBack* look = nullptr;                         // it keeps the last seconds
  plugin::NamesTypes* types = nullptr;              // a node of an extension
  process::ProcessNode* workers = nullptr;          // it runs in other processes
  Embedded* embedded = nullptr;                     // its work is done outside the engine
};

/// The statistics of a node beside its counters, for NodeStats.
struct NodeReport {
  std::vector<WorkerStats> workers = {};         // the worker processes that it runs in
  std::optional<InferenceStats> inference = {};  // the provider and the speed of its neural network
  std::optional<SpoolStats> spool = {};          // results that it keeps on disk until a receiver has them
  std::optional<PublishStats> publish = {};  // the connection over which it publishes, and what it has sent
};

/// The untyped node that the engine runs: open(), then process() once per sample, then close(), all on one
/// thread. Owned by its pipeline. Every exception becomes a NodeError, except a SourceError.
class NodeBase {
 public:
  NodeBase() = default;
  NodeBase(const NodeBase&) = delete;
  NodeBase& operator=(const NodeBase&) = delete;
  virtual ~NodeBase() = default;

  /// The name, unless add() is given one.
  [[nodiscard]] virtual std::string default_name() const { return "node"; }
  /// Type of the input. nullptr: any type, or one of input_types().
  [[nodiscard]] virtual const TypeInfo* input_type() const noexcept { return nullptr; }
  /// The types that the input may have; none means any type.
  [[nodiscard]] virtual std::vector<const TypeInfo*> input_types() const {
    if (const auto* type = input_type()) return {type};
    return {};
  }
  /// For a node that takes one of several types: add() and replace() call this with the type that its parent
  /// gives, or nullptr if that is not known, before they ask for anything else. It may be called again until
  /// the node was added. Throws OptionError if the node's options do not fit.
  virtual void set_input(const TypeInfo* /*type*/) {}
  /// Type of the output; nullptr: not known in advance.
  [[nodiscard]] virtual const TypeInfo* output_type() const noexcept { return nullptr; }
  [[nodiscard]] virtual bool is_source() const noexcept { return false; }
  /// The node's properties. Asked when it is added, and for changes of the graph, never for a sample. The
  /// answer may change with set_input(). A class that derives from another changes what that one declares:
  /// `auto own = Base::contract(); own.finishes = true; return own;`.
  [[nodiscard]] virtual NodeContract contract() const { return {}; }
  /// The interfaces that the node has beside this one.
  [[nodiscard]] virtual NodeAbilities abilities() noexcept { return {}; }
  /// For NodeStats; any thread. `span`: of the inference.
  [[nodiscard]] virtual NodeReport report(Span /*span*/) const { return {}; }

  virtual void open(const Context& /*context*/) {}
  /// Returns nullopt if nothing is emitted.
  virtual std::optional<Emitted> process_any(const AnySample& sample, const Context& context) = 0;
  /// One entry per sample, in their order; nullopt means nothing is emitted for that one. Called instead of
  /// process_any() when the node was added with a batch.
  virtual std::vector<std::optional<Emitted>> process_batch_any(std::span<const AnySample> /*samples*/,
                                                                const Context& /*context*/) {
    return {};
  }
  /// The time for idle(), unless a sample arrives before. nullopt means none. Asked before each wait for a
  /// sample.
  [[nodiscard]] virtual std::optional<TimePoint> idle_at() const { return std::nullopt; }
  /// No sample has arrived until idle_at(). Only below live sources, and not for nodes with a batch: a file's
  /// samples may take any time.
  virtual void idle(const Context& /*context*/) {}
  /// Notifies the node that the source with this number (Stamp::source) gives nothing more, and that the
  /// number is never used again: the node can drop what it keeps for it. On its own thread, between two
  /// calls.
  virtual void source_gone(int /*source*/) {}
  /// Called instead of process_any() if the contract has `gives_several`.
  virtual void process_out_any(const AnySample& /*sample*/, AnyOut& /*out*/, const Context& /*context*/) {}
  /// Called between two samples, or while none comes, at the pipeline's start + k x NodeContract::tick_every. A tick that
  /// comes while a call lasts is late, and of several late ones only the last is called: the others are
  /// counted as missed.
  virtual void on_tick_any(TimePoint /*now*/, AnyOut& /*out*/, const Context& /*context*/) {}
  /// Called once before close(), when all parents have ended or the pipeline stops. Not after a failure of a
  /// node that was not skipped.
  virtual void finish_any(AnyOut& /*out*/, const Context& /*context*/) {}
  /// Called once if open() succeeded, also after a failure or stop. May throw: a sink that cannot flush.
  virtual void close() {}
};

/// The untyped source.
class SourceBase : public NodeBase {
 public:
  [[nodiscard]] bool is_source() const noexcept final { return true; }
  /// Whether the source cannot wait, so a full edge drops.
  [[nodiscard]] virtual bool live() const noexcept = 0;
  /// Total number of samples, if it is known (files).
  [[nodiscard]] virtual std::optional<std::int64_t> total() const { return std::nullopt; }
  /// The path of the file that it reads, if it is one.
  [[nodiscard]] virtual std::optional<std::string> reads_from() const { return std::nullopt; }
  /// Whether NodeStats::source describes its connection. The engine enters Connecting, Reading, Closing and
  /// Closed. The source writes everything else into `context.counters.source()`.
  [[nodiscard]] virtual bool has_source_stats() const noexcept { return false; }
  /// The next sample; nullopt ends the stream. Waits only in ways that `context.stop` ends.
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

/// A typed view. Throws GraphError when the sample holds another type, which is possible only below a node
/// without an output type.
template <class T>
Sample<T> cast_sample(const AnySample& sample) {
  if (!holds<T>(sample)) {
    throw GraphError("takes " + std::string(kTypeName<T>) + ", but its parent gave something else");
  }
  return Sample<T>(sample);
}

}  // namespace detail

/// Takes the results of one call of a node: `out(value)`. Valid during that call, on its thread. A full
/// blocking edge makes the call wait. False means the pipeline stops, return soon. Always true in finish().
template <class T>
class Out {
 public:
  explicit Out(AnyOut& out) noexcept : out_(out) {}

  /// A result of the sample that is processed. Of on_tick() and finish(): one of the node's own stream.
  bool operator()(T value) { return out_.emit(detail::to_emitted<T>(std::move(value))); }
  /// A result with the stamp of an earlier sample. Within a source a `seq` must not be less than the `seq` of
  /// the result before: throws Error. `frame`: the picture that the children get with a value.
  bool operator()(T value, const Stamp& like, Frame frame = {}) {
    auto result = detail::to_emitted<T>(std::move(value));
    if (result.value) result.frame = std::move(frame);
    result.like = std::make_shared<const Stamp>(like);
    return out_.emit(std::move(result));
  }
  /// Gives the value with an earlier sample's picture.
  template <class In>
  bool operator()(T value, const Sample<In>& like) {
    return (*this)(std::move(value), like.stamp, like.frame);
  }

 private:
  AnyOut& out_;
};

/// A processing step. Derive, implement process(), pass std::make_unique<Mine>() to Pipeline::add().
template <class In, class Out>
class Node : public NodeBase {
 public:
  using Input = In;
  using Output = Out;

  [[nodiscard]] const TypeInfo* input_type() const noexcept final { return get_type<In>(); }
  [[nodiscard]] const TypeInfo* output_type() const noexcept final { return get_type<Out>(); }

  /// Called by one thread at a time. nullopt means nothing is emitted.
  virtual std::optional<Out> process(const Sample<In>& sample, const Context& context) = 0;

  std::optional<Emitted> process_any(const AnySample& sample, const Context& context) final {
    auto out = process(detail::cast_sample<In>(sample), context);
    if (!out) return std::nullopt;
    return detail::to_emitted<Out>(*std::move(out));
  }
};

/// A processing step that gives any number of results per sample. Derive and implement process().
template <class In, class Result>
class OutNode : public NodeBase {
 public:
  using Input = In;
  using Output = Result;

  [[nodiscard]] const TypeInfo* input_type() const noexcept final { return get_type<In>(); }
  [[nodiscard]] const TypeInfo* output_type() const noexcept final { return get_type<Result>(); }
  [[nodiscard]] NodeContract contract() const override { return {.gives_several = true}; }

  /// Called by one thread at a time. Each result is on its way when `out` returns, even if an exception
  /// follows.
  virtual void process(const Sample<In>& sample, Out<Result>& out, const Context& context) = 0;

  void process_out_any(const AnySample& sample, AnyOut& out, const Context& context) final {
    Out<Result> typed(out);
    process(detail::cast_sample<In>(sample), typed, context);
  }
  std::optional<Emitted> process_any(const AnySample& /*sample*/, const Context& /*context*/) final {
    throw StateError("gives several results per sample: it needs process_out_any()");
  }
};

/// A node of any form with a clock: `class PerMinute : public Ticking<Node<Detections, int>>`.
template <class Base>
class Ticking : public Base {
 public:
  /// NodeContract::tick_every.
  [[nodiscard]] virtual std::optional<Seconds> tick_every() const = 0;
  [[nodiscard]] NodeContract contract() const override {
    auto own = Base::contract();
    own.tick_every = tick_every();
    return own;
  }
  /// Does the work of NodeBase::on_tick_any().
  virtual void on_tick(TimePoint now, Out<typename Base::Output>& out, const Context& context) = 0;

  void on_tick_any(TimePoint now, AnyOut& out, const Context& context) final {
    Out<typename Base::Output> typed(out);
    on_tick(now, typed, context);
  }
};

/// A node of any form with last results: `class Window : public Finishing<Node<Detections, int>>`.
template <class Base>
class Finishing : public Base {
 public:
  /// Does the work of NodeBase::finish_any().
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

/// A step whose samples hold a value of either type. Derive and implement both process().
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

  /// Called by one thread at a time. nullopt means nothing is emitted.
  virtual std::optional<Out> process(const Sample<A>& sample, const Context& context) = 0;
  virtual std::optional<Out> process(const Sample<B>& sample, const Context& context) = 0;

  std::optional<Emitted> process_any(const AnySample& sample, const Context& context) final {
    std::optional<Out> out;
    if (detail::holds<A>(sample)) {
      out = process(Sample<A>(sample), context);
    } else if (detail::holds<B>(sample)) {
      out = process(Sample<B>(sample), context);
    } else {  // only possible below a node without an output type
      throw GraphError("takes " + std::string(kTypeName<A>) + " or " + std::string(kTypeName<B>) +
                       ", but its parent gave something else");
    }
    if (!out) return std::nullopt;
    return detail::to_emitted<Out>(*std::move(out));
  }
};

/// A step that works on several samples at once. Derive, implement process_batch(), and add it with
/// AddOptions::batch; without one it gets batches of one sample.
template <class In, class Out>
class BatchNode : public Node<In, Out> {
 public:
  [[nodiscard]] NodeContract contract() const override { return {.takes_batches = true}; }

  /// Called by one thread at a time. One entry per sample, in their order; nullopt means nothing is emitted
  /// for that one. Each result gets the stamp of its sample. An exception fails all samples of the call.
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
    throw OptionError("process_batch() must give one result per sample: it gave " + std::to_string(given) +
                      " for " + std::to_string(wanted));
  }
};

/// A node without input.
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
                               item->utc};
  }
};

}  // namespace freshframe
