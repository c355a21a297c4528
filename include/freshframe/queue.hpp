// How one edge behaves when its consumer is slower than its producer.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace freshframe {

/// The behaviour of a full edge.
enum class WhenFull : std::uint8_t { DropOldest, DropNewest, Block };

/// Policy of one edge. `depth` is a hard bound that nothing raises. Two further bounds may make an edge full
/// earlier; one sample always fits. A blocking queue has neither.
struct Queue {
  int depth = 1;
  WhenFull when_full = WhenFull::DropOldest;
  /// From the oldest waiting sample's `captured` to the newest one's, without the time of those between them that
  /// found no room.
  std::optional<double> max_seconds = {};
  std::optional<std::int64_t> max_bytes = {};  // size of the waiting samples' pictures

  /// A full edge makes its producer wait, and drops nothing.
  [[nodiscard]] constexpr bool blocks() const noexcept { return when_full == WhenFull::Block; }
  bool operator==(const Queue&) const = default;
};

/// The newest sample waits for the consumer.
inline constexpr Queue kLatest{1, WhenFull::DropOldest};
/// Only a sample that arrives while the consumer waits: the lowest age.
inline constexpr Queue kNext{0, WhenFull::DropOldest};
/// No sample is dropped: a full edge makes its producer wait.
inline constexpr Queue kLossless{8, WhenFull::Block};
/// Two seconds for a recorder to catch up, in at most 256 MiB. The waiting samples are written.
inline constexpr Queue kRecording{256, WhenFull::DropNewest, 2.0, std::int64_t{256} << 20};

/// The queue of a join below a live source: the samples of one parent that wait for samples of the others.
/// The join's `max_wait` bounds it in time.
inline constexpr Queue kJoining{32, WhenFull::DropOldest};

/// A predefined queue.
struct NamedQueue {
  std::string_view name;
  Queue queue;
};

/// The predefined queues, by the names that they have in texts, in Python and on the dashboard.
inline constexpr std::array kNamedQueues = {NamedQueue{"LATEST", kLatest}, NamedQueue{"NEXT", kNext},
                                            NamedQueue{"LOSSLESS", kLossless},
                                            NamedQueue{"RECORDING", kRecording}};

/// Why a sample on an edge was not delivered. Removed: the edge was removed, or its source. On an edge of a join:
/// Unmatched: no samples of the other parents belong to it. Late: they had been given up before it came.
/// NoClock: it has no usable wall clock. Rate: the edge has a `max_rate`.
enum class DropCause : std::uint8_t {
  QueueFull,
  NoWaiter,
  Skipped,
  Stale,
  Unmatched,
  Late,
  NoClock,
  Stop,
  Removed,
  Rate
};
inline constexpr int kDropCauses = 10;

/// Why a node lost a frame before it reached an edge. Worker: its worker process died or took too long. Stop:
/// a stop ended the worker process. Repeated: the server has sent it before. Lost: the network has lost it,
/// or too much of it or of a frame that it refers to. NotDecoded: the decoder was asked to leave it out
/// (FFmpeg's option skip_frame).
enum class NodeDropCause : std::uint8_t {
  Device,
  Decode,
  Pool,
  Error,
  Worker,
  Stop,
  Repeated,
  Lost,
  NotDecoded
};
inline constexpr int kNodeDropCauses = 9;

/// The meaning of a drop. ByDesign: an option leaves the sample out, however fast the consumer is, so that a run is complete
/// without it. Skipped: the consumer gets others instead, newer or matching ones, or the program has
/// ended the edge. Lost: somebody wanted the sample.
enum class DropMeaning : std::uint8_t { ByDesign, Skipped, Lost };

/// A cause of drops: its name in the statistics, and whether a drop of this cause is a loss.
template <class Cause>
struct DropKind {
  Cause cause;
  std::string_view name;
  DropMeaning meaning;
};

/// Separates losses from other drops, for all views of the statistics. On an edge that skips_when_full() a full queue
/// loses nothing.
inline constexpr std::array<DropKind<DropCause>, kDropCauses> kDropKinds = {
    {{DropCause::QueueFull, "queue_full", DropMeaning::Lost},
     {DropCause::NoWaiter, "no_waiter", DropMeaning::Skipped},
     {DropCause::Skipped, "skipped", DropMeaning::Skipped},
     {DropCause::Stale, "stale", DropMeaning::Skipped},
     {DropCause::Unmatched, "unmatched", DropMeaning::Skipped},
     {DropCause::Late, "late", DropMeaning::Skipped},
     {DropCause::NoClock, "no_clock", DropMeaning::Skipped},
     {DropCause::Stop, "stop", DropMeaning::Skipped},
     {DropCause::Removed, "removed", DropMeaning::Skipped},
     {DropCause::Rate, "rate", DropMeaning::ByDesign}}};
inline constexpr std::array<DropKind<NodeDropCause>, kNodeDropCauses> kNodeDropKinds = {
    {{NodeDropCause::Device, "device", DropMeaning::Lost},
     {NodeDropCause::Decode, "decode", DropMeaning::Lost},
     {NodeDropCause::Pool, "pool", DropMeaning::Lost},
     {NodeDropCause::Error, "error", DropMeaning::Lost},
     {NodeDropCause::Worker, "worker", DropMeaning::Lost},
     {NodeDropCause::Stop, "stop", DropMeaning::Lost},
     {NodeDropCause::Repeated, "repeated", DropMeaning::Lost},
     {NodeDropCause::Lost, "lost", DropMeaning::Lost},
     {NodeDropCause::NotDecoded, "not_decoded", DropMeaning::ByDesign}}};

[[nodiscard]] constexpr const DropKind<DropCause>& describe_cause(DropCause cause) noexcept {
  return kDropKinds.at(static_cast<std::size_t>(cause));
}
[[nodiscard]] constexpr const DropKind<NodeDropCause>& describe_cause(NodeDropCause cause) noexcept {
  return kNodeDropKinds.at(static_cast<std::size_t>(cause));
}
static_assert(
    [] {
      for (const auto& kind : kDropKinds)
        if (describe_cause(kind.cause).cause != kind.cause) return false;
      for (const auto& kind : kNodeDropKinds)
        if (describe_cause(kind.cause).cause != kind.cause) return false;
      return true;
    }(),
    "the tables have the order of their causes");

/// Whether a full queue skips samples for newer ones, as its consumer wants it: LATEST, NEXT, and the queues of a join,
/// whose newest sets wait.
[[nodiscard]] constexpr bool skips_when_full(const Queue& queue, bool joined) noexcept {
  return queue == kLatest || queue == kNext || (joined && queue.when_full == WhenFull::DropOldest);
}

[[nodiscard]] std::string_view to_string(WhenFull when_full) noexcept;
[[nodiscard]] std::string_view to_string(DropCause cause) noexcept;
[[nodiscard]] std::string_view to_string(NodeDropCause cause) noexcept;
/// The name of a predefined queue, or "Queue(4, drop_newest)".
[[nodiscard]] std::string to_string(const Queue& queue);
/// The inverse of to_string(). Throws OptionError for another name.
[[nodiscard]] WhenFull parse_when_full(std::string_view name);
/// Throws OptionError for an invalid policy (negative depth, depth 0 with anything but drop_oldest).
void validate(const Queue& queue);

}  // namespace freshframe
