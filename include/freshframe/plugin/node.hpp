// The base classes of nodes, and their inputs and outputs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/abi.h"
#include "freshframe/plugin/context.hpp"
#include "freshframe/plugin/frame.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

namespace freshframe::plugin {
inline namespace v1 {

/// Output of a sink.
struct Nothing {};

/// The clock of a wall time, see abi.h.
enum class UtcFrom : std::int32_t {
  None = FRESHFRAME_UTC_NONE,
  Arrival = FRESHFRAME_UTC_ARRIVAL,
  File = FRESHFRAME_UTC_FILE,
  Device = FRESHFRAME_UTC_DEVICE,
  Camera = FRESHFRAME_UTC_CAMERA
};

/// The wall time at which a picture was taken.
struct Utc {
  double seconds = 0;                                      // Unix time; 0 if `from` is None
  double error = std::numeric_limits<double>::infinity();  // seconds: half the width of what is known
  UtcFrom from = UtcFrom::None;
};

/// The origin of a sample: number, times and source.
struct Stamp {
  std::int64_t seq = 0;          // number at its source, from 0
  double pts = 0;                // seconds in the source's own time
  std::int64_t captured_ns = 0;  // CLOCK_MONOTONIC
  std::uint64_t dropped = 0;     // samples dropped on this edge since the previous one
  int source = -1;               // index of the source node
  bool damaged = false;          // a part of its picture was lost on the way, see abi.h
  Utc utc = {};                  // wall time of the capture
  int part = 0;                  // number among the results that one node gave with this seq
};

/// The input of a node. Valid during the call.
template <class T>
struct Sample {
  Stamp stamp;
  const T& value;
  const Frame& frame;  // the frame that the value was made from; may be empty
};

/// The output of a source. Each `seq` is greater than the one before, else the source ends with an error:
/// continue the counter of a device that wraps or begins again. `captured_ns` may go back, as in a video with
/// B-frames. A time to come counts as now. `pts` may be any finite number.
template <class T>
struct Item {
  T value;
  double pts = 0;                // seconds in the source's own time
  std::int64_t captured_ns = 0;  // CLOCK_MONOTONIC, when the device or network handed it over; 0 for now
  /// The number at its source, from 0, with gaps for what a device lost; -1 means the next one.
  std::int64_t seq = -1;
  Utc utc = {};  // wall time of the capture; none means of a live source the engine gives that of the arrival
};

/// Takes the results of one call of a node: `out(value)`. Valid during that call, on its thread. A full
/// blocking queue makes the call wait. False means the pipeline stops, return soon; never in finish().
template <class T>
class Out {
 public:
  virtual ~Out() = default;

  /// A result of the sample that is processed. In on_tick() and finish(): one of the node's own stream.
  bool operator()(T value) { return emit(std::move(value), nullptr, nullptr); }
  /// A result with the stamp of an earlier sample. Within a source a `seq` must not be less than the `seq` of
  /// the result before: throws. `frame`: the picture that the children get with a value.
  bool operator()(T value, const Stamp& like) { return emit(std::move(value), &like, nullptr); }
  bool operator()(T value, const Stamp& like, const Frame& frame) {
    return emit(std::move(value), &like, &frame);
  }

 private:
  virtual bool emit(T value, const Stamp* like, const Frame* frame) = 0;
};

namespace detail {

struct Attached {
  static constexpr bool kFreshframeSeveral = false;
  static constexpr bool kFreshframeTicks = false;
  static constexpr bool kFreshframeFinishes = false;
  Context freshframe_context;
  std::int32_t freshframe_taken = 0;  // freshframe_object::taken, of an extension's own class
};

}  // namespace detail

/// A step. In and Out: Frame, Circles, Detections, double, Array or Table; Out may be Nothing. Constructed
/// from Options or by default. All calls come from one thread.
template <class In, class Out>
class Node : public detail::Attached {
 public:
  using Input = In;
  using Output = Out;
  virtual ~Node() = default;
  virtual void open(Context& /*context*/) {}
  /// Returns nullopt if nothing is emitted. An exception fails the sample.
  virtual std::optional<Out> process(const Sample<In>& sample, Context& context) = 0;
  /// Once after a successful open(), also after a failure.
  virtual void close() {}
};

/// A step that gives any number of results per sample. The default queues below it block, so that the results
/// of a sample stay together.
template <class In, class Result>
class OutNode : public detail::Attached {
 public:
  using Input = In;
  using Output = Result;
  static constexpr bool kFreshframeSeveral = true;
  virtual ~OutNode() = default;
  virtual void open(Context& /*context*/) {}
  /// Each result is on its way when `out` returns, even if an exception follows, which fails the sample.
  virtual void process(const Sample<In>& sample, Out<Result>& out, Context& context) = 0;
  /// Once after a successful open(), also after a failure.
  virtual void close() {}
};

/// A step of either form with a clock: `class PerMinute : public Ticking<Node<Detections, double>>`.
template <class Base>
class Ticking : public Base {
 public:
  static constexpr bool kFreshframeTicks = true;
  /// Seconds of the pipeline's clock, more than 0 and at most a day. Asked once, when the node
  /// has been made.
  [[nodiscard]] virtual double tick_every() const = 0;
  /// Between two samples, or while none comes, at the pipeline's start + k x tick_every(). Of several late
  /// calls only the last takes place. `now`: Context::now().
  virtual void on_tick(double now, Out<typename Base::Output>& out, Context& context) = 0;
};

/// A step of either form with last results: `class Window : public Finishing<Node<Detections, double>>`.
template <class Base>
class Finishing : public Base {
 public:
  static constexpr bool kFreshframeFinishes = true;
  /// Once before close(), when all parents have ended or the pipeline stops. Not after a failure of a node.
  virtual void finish(Out<typename Base::Output>& out, Context& context) = 0;
};

/// A node without input. `static constexpr bool live = false` in the class: it can wait for a full edge.
template <class Out>
class Source : public detail::Attached {
 public:
  using Input = Nothing;
  using Output = Out;
  static constexpr bool live = true;
  virtual ~Source() = default;
  virtual void open(Context& /*context*/) {}
  /// The next sample; nullopt ends the stream. Waits in Context::wait(), or with Context::stop_fd().
  virtual std::optional<Item<Out>> read(Context& context) = 0;
  virtual void close() {}
};

}  // namespace v1
}  // namespace freshframe::plugin
