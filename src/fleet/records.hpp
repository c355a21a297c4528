// The messages between an agent and its controller: kinds, and records of fixed size.
// SPDX-License-Identifier: Apache-2.0
//
// python/freshframe/fleet/_wire.py has the other side of it.
#pragma once

#include <cstdint>

namespace freshframe::fleet {

/// First byte of a message to the controller.
enum class ToController : std::uint8_t { Renewal = 1, Batch = 2, Event = 3 };
/// First byte of a message to an agent.
enum class ToAgent : std::uint8_t { Answer = 1, Order = 2, Reader = 3, ReaderGone = 4, Pull = 5, Forget = 6 };

/// One start of a camera.
struct Run {
  std::uint64_t epoch = 0;
  std::uint32_t camera = 0;

  friend auto operator<=>(const Run&, const Run&) = default;
};

/// Of a camera that an agent runs.
struct CameraRecord {
  std::uint64_t epoch = 0;
  std::uint64_t results = 0;  // of all outputs
  std::int64_t age_ns = -1;   // since the capture of the latest result's picture; -1: there is none
  std::uint64_t refused = 0;  // results that were captured after the lease's end
  std::uint32_t camera = 0;
  std::uint32_t sessions = 0;  // open at the camera, of sources with a gate
};
static_assert(sizeof(CameraRecord) == 40);

/// Of an outbox; always reported == full + expired + fenced + handed + waiting.
struct OutboxRecord {
  std::uint64_t epoch = 0;
  std::uint64_t reported = 0;  // results that were put in: the next one's ordinal
  std::uint64_t full = 0;
  std::uint64_t expired = 0;
  std::uint64_t fenced = 0;
  std::uint64_t handed = 0;  // in batches
  std::uint64_t waiting = 0;
  std::uint32_t camera = 0;
  std::uint32_t reader = 0;
};
static_assert(sizeof(OutboxRecord) == 64);

/// Of a result in a batch; its pickle follows behind all of them.
struct ResultRecord {
  std::uint64_t epoch = 0;
  std::uint64_t ordinal = 0;
  std::int64_t seq = 0;
  double pts = 0;
  double time = 0;  // Unix, of the capture
  std::uint32_t camera = 0;
  std::uint32_t size_bytes = 0;
};
static_assert(sizeof(ResultRecord) == 48);

}  // namespace freshframe::fleet
