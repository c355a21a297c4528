// Queue policies: what an edge does when its consumer is slower than its producer.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace freshframe {

enum class WhenFull : std::uint8_t { DropOldest, DropNewest, Block };

/// The queue policy of an edge. `depth` is a hard limit. max_seconds and max_bytes may make the edge full
/// earlier, but one sample always fits; a blocking queue has neither.
struct Queue {
  int depth = 1;
  WhenFull when_full = WhenFull::DropOldest;
  /// Maximum time span of the queued samples, by `captured`. The time of samples dropped in between is not
  /// counted.
  std::optional<double> max_seconds = {};
  std::optional<std::int64_t> max_bytes = {};  // maximum size of the queued samples' frames

  /// Returns true if a full edge makes its producer wait instead of dropping samples.
  [[nodiscard]] constexpr bool blocks() const noexcept { return when_full == WhenFull::Block; }
  bool operator==(const Queue&) const = default;
};

/// Keeps only the newest sample.
inline constexpr Queue kLatest{1, WhenFull::DropOldest};
/// Keeps nothing: delivers a sample only if the consumer is waiting for it. Lowest age.
inline constexpr Queue kNext{0, WhenFull::DropOldest};
/// Drops nothing: a full edge makes its producer wait.
inline constexpr Queue kLossless{8, WhenFull::Block};
/// Gives a recorder two seconds to catch up, in at most 256 MiB. At the end of a run the queued samples are
/// still written.
inline constexpr Queue kRecording{256, WhenFull::DropNewest, 2.0, std::int64_t{256} << 20};

/// For a join downstream of a live source: holds samples of one parent that wait for those of the others.
/// `max_wait` of the join limits how long.
inline constexpr Queue kJoining{32, WhenFull::DropOldest};

/// Options of an edge. See AddOptions.
struct EdgeOptions {
  std::optional<Queue> queue = {};      // default: chosen when the pipeline starts
  std::optional<double> max_age = {};   // seconds
  std::optional<double> max_rate = {};  // samples per second and source
  std::int64_t every = 1;               // passes every n-th sample of each source
};

/// A predefined queue.
struct NamedQueue {
  std::string_view name;
  Queue queue;
};

/// The predefined queues, with the names used in strings, in Python and on the dashboard.
inline constexpr std::array kNamedQueues = {NamedQueue{"LATEST", kLatest}, NamedQueue{"NEXT", kNext},
                                            NamedQueue{"LOSSLESS", kLossless},
                                            NamedQueue{"RECORDING", kRecording}};

/// Why an edge dropped a sample. Removed: the edge or the source was removed. Rate: `max_rate` or `every` of
/// the edge. For the edge of a join: Unmatched: no samples of the other parents match. Late: arrived after
/// its set was abandoned. NoClock: it has no usable wall time.
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
/// a stop ended the worker process. Repeated: the server sent it twice. Lost: too much of it, or of a frame
/// that it depends on, was lost on the network. NotDecoded: the decoder was asked to skip it (FFmpeg's option
/// skip_frame). Sender: a browser did not send it, because the link or its encoder was too slow, or sent it
/// only after it had been suspended.
enum class NodeDropCause : std::uint8_t {
  Device,
  Decode,
  Pool,
  Error,
  Worker,
  Stop,
  Repeated,
  Lost,
  NotDecoded,
  Sender
};
inline constexpr int kNodeDropCauses = 10;

/// Whether a drop matters. ByDesign: an option excludes the sample however fast the consumer is, so a run
/// counts as complete without it. Skipped: the consumer gets newer or matching samples instead, or the
/// program removed the edge. Lost: the sample was wanted.
enum class DropMeaning : std::uint8_t { ByDesign, Skipped, Lost };

/// A drop cause, with its name and meaning in the statistics.
template <class Cause>
struct DropKind {
  Cause cause;
  std::string_view name;
  DropMeaning meaning;
};

/// The meaning of every cause, for all displays of the statistics. Exception: QueueFull is not a loss on an
/// edge with skips_when_full().
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
     {NodeDropCause::NotDecoded, "not_decoded", DropMeaning::ByDesign},
     {NodeDropCause::Sender, "sender", DropMeaning::Skipped}}};

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

/// Returns true if dropping from a full queue is what the consumer asked for: LATEST, NEXT, and joins, which
/// prefer newer sets.
[[nodiscard]] constexpr bool skips_when_full(const Queue& queue, bool joined) noexcept {
  return queue == kLatest || queue == kNext || (joined && queue.when_full == WhenFull::DropOldest);
}

[[nodiscard]] std::string_view to_string(WhenFull when_full) noexcept;
[[nodiscard]] std::string_view to_string(DropCause cause) noexcept;
[[nodiscard]] std::string_view to_string(NodeDropCause cause) noexcept;
/// Returns the name of a predefined queue, or a string such as "Queue(4, drop_newest)".
[[nodiscard]] std::string to_string(const Queue& queue);
/// The inverse of to_string(). Throws OptionError for an unknown name.
[[nodiscard]] WhenFull parse_when_full(std::string_view name);
/// Throws OptionError for an invalid policy, such as a negative depth, or depth 0 unless it is DropOldest.
void validate(const Queue& queue);

}  // namespace freshframe
