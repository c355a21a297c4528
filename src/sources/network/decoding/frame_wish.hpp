// Decides whether the frames of a live source are wanted. Others are not decoded.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <optional>

#include "media/packets/packet_camera.hpp"
#include "media/stream/key_gate.hpp"
#include "sources/live/page_demand.hpp"

namespace freshframe::media {

/// Combines the demand of nodes and readers, of pages that show the source, and of the source itself, which
/// decodes one keyframe of each stream. Called on the source's thread, except demand() and looks().
class FrameWish {
 public:
  /// `keys`: see OpenOptions::decode.
  explicit FrameWish(bool keys) : keys_(keys) {}

  /// The demand of nodes and readers.
  [[nodiscard]] FrameDemand& demand() noexcept { return demand_; }
  /// The demand of pages.
  [[nodiscard]] PageDemand& pages() noexcept { return pages_; }

  /// Call for a new connection.
  void connect(TimePoint now) {
    sees_next_ = true;
    keyless_since_ = now;
  }
  /// Call for each keyframe.
  void note_key() noexcept { keyless_since_.reset(); }
  /// Whether the next keyframe belongs to a different stream than the last one that was decoded.
  void see_next(bool sees) noexcept { sees_next_ = sees; }

  /// Returns true if all packets are to be decoded. For a page, this includes streams without keyframes and,
  /// if `must_begin`, streams with more data since the last keyframe than can be kept.
  [[nodiscard]] bool decodes(TimePoint now, bool must_begin) {
    const bool lacks_key = keyless_since_ && Seconds(now - *keyless_since_).count() >= KeyGate::kLongest;
    const bool is_for_pages = must_begin || (lacks_key && !keys_ && pages_.may_come());
    return demand_.any() || pages_.any(now) || is_for_pages;
  }
  /// Returns true if the next keyframe must be decoded even if nobody wants its frame, to learn the stream's
  /// format.
  [[nodiscard]] bool sees_next() const noexcept { return sees_next_; }

 private:
  const bool keys_;
  FrameDemand demand_;
  PageDemand pages_;
  std::optional<TimePoint> keyless_since_;  // start of a period without keyframes in this connection
  bool sees_next_ = true;
};

}  // namespace freshframe::media
