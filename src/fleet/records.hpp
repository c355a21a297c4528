// The messages between an agent and its controller: kinds and fixed-size records.
// SPDX-License-Identifier: Apache-2.0
//
// The controller's side is fleet/python/freshframe_fleet/_wire.py, which gets the layouts from
// record_fields.hpp.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace freshframe::fleet {

/// First byte of a message to the controller.
enum class ToController : std::uint8_t { Renewal = 1, Batch = 2, Event = 3 };
/// First byte of a message to an agent.
enum class ToAgent : std::uint8_t { Order = 1, Reader = 2, ReaderGone = 3, Pull = 4, Forget = 5 };

/// One start of a camera.
struct Run {
  std::uint64_t epoch = 0;
  std::uint32_t camera = 0;

  friend auto operator<=>(const Run&, const Run&) = default;
};

/// Why an agent's pipeline has lost a frame or a result, in the order of CameraRecord::drops: first on edges,
/// then in nodes.
enum class Loss : std::uint8_t {
  QueueFull,
  NoWaiter,
  Skipped,
  Stale,
  Unmatched,
  Late,
  NoClock,
  Stop,
  Device,
  Decode,
  Pool,
  Error,
  Worker,
  Repeated,
  Lost
};
inline constexpr int kLosses = 15;
/// The names of these causes in the statistics.
inline constexpr std::array<std::string_view, kLosses> kLossNames = {
    "queue_full", "no_waiter", "skipped", "stale", "unmatched", "late",     "no_clock", "stop",
    "device",     "decode",    "pool",    "error", "worker",    "repeated", "lost"};

/// The record of a camera that an agent runs.
struct CameraRecord {
  std::uint64_t epoch = 0;
  std::uint64_t results = 0;       // of all outputs
  std::int64_t age_ns = -1;        // age of the image of the latest result; -1 before the first
  std::uint64_t frames = 0;        // frames from its sources, including samples lost in nodes
  std::int64_t frame_age_ns = -1;  // age of the latest frame; -1 before the first
  std::int64_t away_ns = -1;  // time since a source lost its camera or failed to find it; -1 if connected
  double fps = 0;             // frame rate of its sources, averaged over some seconds
  std::array<std::uint64_t, kLosses> drops{};
  std::uint64_t camera = 0;  // 64 bits, to avoid padding
};
static_assert(sizeof(CameraRecord) == 184);

/// The record of an outbox. Always reported == full + expired + fenced + handed + waiting.
struct OutboxRecord {
  std::uint64_t epoch = 0;
  std::uint64_t reported = 0;  // results added so far, and so the ordinal of the next one
  std::uint64_t full = 0;
  std::uint64_t expired = 0;
  std::uint64_t fenced = 0;
  std::uint64_t handed = 0;  // sent in batches
  std::uint64_t waiting = 0;
  std::uint32_t camera = 0;
  std::uint32_t reader = 0;
};
static_assert(sizeof(OutboxRecord) == 64);

/// How a process ended, in a page that it shares with its parent. The layout is fixed, because the reader is
/// a Python program.
struct LastWords {
  enum Kind : std::uint32_t { Nothing = 0, Fault = 1, InOrder = 2 };
  std::uint32_t said = Nothing;
  std::uint32_t camera = 0;  // Fault only: the camera of the thread
  std::uint64_t epoch = 0;   // Fault only: the epoch of the camera's run; 0 for no run
  std::uint32_t number = 0;  // signal number or exit status
  std::uint32_t begun = 0;   // 1 once a thread has started to write
};
static_assert(sizeof(LastWords) == 24);

/// The record of a result in a batch. All pickles follow after the last record.
struct ResultRecord {
  std::uint64_t epoch = 0;
  std::uint64_t ordinal = 0;
  std::int64_t seq = 0;
  std::int64_t part = 0;
  double pts = 0;
  double time = 0;  // Unix time of the capture
  std::uint32_t camera = 0;
  std::uint32_t size_bytes = 0;
};
static_assert(sizeof(ResultRecord) == 56);

}  // namespace freshframe::fleet
