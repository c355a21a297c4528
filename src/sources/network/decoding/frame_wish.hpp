// Whether the frames of a live source are wanted: it decodes no others.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <optional>

#include "media/packets/packet_camera.hpp"
#include "media/stream/key_gate.hpp"
#include "sources/live/page_demand.hpp"

namespace freshframe::media {

/// By nodes and readers, by the pages that show the source, and by the source itself, which sees a keyframe of each
/// stream. The source's thread, except for demand() and looks().
class FrameWish {
 public:
  /// `keys`: as OpenOptions::decode.
  explicit FrameWish(bool keys) : keys_(keys) {}

  /// The demand of nodes and readers.
  [[nodiscard]] FrameDemand& demand() noexcept { return demand_; }
  /// The demand of pages.
  [[nodiscard]] PageDemand& pages() noexcept { return pages_; }

  /// A new connection.
  void connect(TimePoint now) {
    sees_next_ = true;
    keyless_since_ = now;
  }
  /// A keyframe has come.
  void note_key() noexcept { keyless_since_.reset(); }
  /// The next keyframe is of another stream than the last that was seen, or it is not.
  void see_next(bool sees) noexcept { sees_next_ = sees; }

  /// Whether all packets are to be decoded. A page may show also a stream without keyframes, and a stream with too
  /// much after the last keyframe to keep: `must_begin`.
  [[nodiscard]] bool decodes(TimePoint now, bool must_begin) {
    const bool lacks_key = keyless_since_ && Seconds(now - *keyless_since_).count() >= KeyGate::kLongest;
    const bool is_for_pages = must_begin || (lacks_key && !keys_ && pages_.may_come());
    return demand_.any() || pages_.any(now) || is_for_pages;
  }
  /// Whether the source has to decode the next keyframe although nothing takes its frame, to know what pictures of this
  /// stream are like.
  [[nodiscard]] bool sees_next() const noexcept { return sees_next_; }

 private:
  const bool keys_;
  FrameDemand demand_;
  PageDemand pages_;
  std::optional<TimePoint> keyless_since_;  // start of a time without a keyframe in this connection
  bool sees_next_ = true;
};

}  // namespace freshframe::media
