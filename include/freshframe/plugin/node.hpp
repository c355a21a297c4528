// The base classes of nodes, and their input and output types.
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

/// Output type of a sink.
struct Nothing {};

/// Which clock a wall time was read from, see abi.h.
enum class UtcFrom : std::int32_t {
  None = FRESHFRAME_UTC_NONE,
  Arrival = FRESHFRAME_UTC_ARRIVAL,
  File = FRESHFRAME_UTC_FILE,
  Device = FRESHFRAME_UTC_DEVICE,
  Camera = FRESHFRAME_UTC_CAMERA,
  Browser = FRESHFRAME_UTC_BROWSER
};

/// The wall time at which an image was captured.
struct Utc {
  double seconds = 0;                                      // Unix time; 0 if `from` is None
  double error = std::numeric_limits<double>::infinity();  // uncertainty of `seconds` (plus or minus)
  UtcFrom from = UtcFrom::None;
};

/// Where a sample comes from: its number, its timestamps and its source.
struct Stamp {
  std::int64_t seq = 0;          // number at the source, from 0
  double pts = 0;                // presentation time, in seconds since the start of the source
  std::int64_t captured_ns = 0;  // CLOCK_MONOTONIC
  std::uint64_t dropped = 0;     // samples dropped on this edge since the previous one
  int source = -1;               // index of the source node
  bool damaged = false;          // part of the image was lost in transit, see abi.h
  Utc utc = {};                  // wall time of the capture
  int part = 0;                  // index among the results that one node emitted with this seq
};

/// A node's input. Valid only during the call.
template <class T>
struct Sample {
  Stamp stamp;
  const T& value;
  const Frame& frame;  // the frame that the value was computed from; may be empty
};

/// The output of a source. `seq` must increase, or the source fails: if a device's counter wraps or restarts,
/// continue it here. `captured_ns` may go backwards, as in video with B-frames; a time in the future is
/// replaced by now. `pts` may be any finite number.
template <class T>
struct Item {
  T value;
  double pts = 0;                // seconds in the source's own time
  std::int64_t captured_ns = 0;  // CLOCK_MONOTONIC when the device or network delivered the sample; 0: now
  /// Frame number at the source, from 0, with gaps where a device lost frames; -1: the next number.
  std::int64_t seq = -1;
  Utc utc = {};  // wall time of the capture; if unset, a live source gets its arrival time
};

/// Emits the results of one call of a node: `out(value)`. Valid only during that call, on its thread. Blocks
/// while a blocking queue is full. Returns false if the pipeline is stopping: return soon. Always returns
/// true in finish().
template <class T>
class Out {
 public:
  virtual ~Out() = default;

  /// Emits a result for the current sample. In on_tick() and finish() there is none, and the result goes to
  /// the node's own stream.
  bool operator()(T value) { return emit(std::move(value), nullptr, nullptr); }
  /// Emits a result with the stamp of an earlier sample. Within a source `seq` must not decrease, or it
  /// throws. `frame` is the frame that the children get with a value.
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
  std::int32_t freshframe_taken = 0;  // see freshframe_object::taken; for an extension's own class
};

}  // namespace detail

/// A processing step. In and Out may be Frame, Circles, Detections, double, Array or Table; Out may also be
/// Nothing. Constructed with Options or without arguments. All calls come from one thread.
template <class In, class Out>
class Node : public detail::Attached {
 public:
  using Input = In;
  using Output = Out;
  virtual ~Node() = default;
  virtual void open(Context& /*context*/) {}
  /// Return nullopt to emit nothing. An exception fails the sample.
  virtual std::optional<Out> process(const Sample<In>& sample, Context& context) = 0;
  /// Called once if open() succeeded, even after a failure.
  virtual void close() {}
};

/// A processing step with any number of results per sample. The default queues downstream of it block, so
/// that the results of a sample stay together.
template <class In, class Result>
class OutNode : public detail::Attached {
 public:
  using Input = In;
  using Output = Result;
  static constexpr bool kFreshframeSeveral = true;
  virtual ~OutNode() = default;
  virtual void open(Context& /*context*/) {}
  /// A result is sent immediately by `out`. An exception fails the sample, but not the results already sent.
  virtual void process(const Sample<In>& sample, Out<Result>& out, Context& context) = 0;
  /// Called once if open() succeeded, even after a failure.
  virtual void close() {}
};

/// Adds a clock to a Node or OutNode: `class PerMinute : public Ticking<Node<Detections, double>>`.
template <class Base>
class Ticking : public Base {
 public:
  static constexpr bool kFreshframeTicks = true;
  /// Interval in seconds of the pipeline's clock, more than 0 and at most a day. Called once, after
  /// construction.
  [[nodiscard]] virtual double tick_every() const = 0;
  /// Called between two samples, or while waiting for one, at the pipeline's start + k x tick_every(). If
  /// several ticks are overdue, only the last one is called. `now` is Context::now().
  virtual void on_tick(double now, Out<typename Base::Output>& out, Context& context) = 0;
};

/// Lets a Node or OutNode emit final results: `class Window : public Finishing<Node<Detections, double>>`.
template <class Base>
class Finishing : public Base {
 public:
  static constexpr bool kFreshframeFinishes = true;
  /// Called once before close(), when all parents have ended or the pipeline stops, but not after any node
  /// of the pipeline has failed.
  virtual void finish(Out<typename Base::Output>& out, Context& context) = 0;
};

/// A node without input. Declare `static constexpr bool live = false` if it can wait when an edge is full,
/// like a file.
template <class Out>
class Source : public detail::Attached {
 public:
  using Input = Nothing;
  using Output = Out;
  static constexpr bool live = true;
  virtual ~Source() = default;
  virtual void open(Context& /*context*/) {}
  /// Returns the next sample, or nullopt at the end of the stream. Use Context::wait() or Context::stop_fd()
  /// to wait, so that a stop ends the wait.
  virtual std::optional<Item<Out>> read(Context& context) = 0;
  virtual void close() {}
};

}  // namespace v1
}  // namespace freshframe::plugin
