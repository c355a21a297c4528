// Watches the keyframes of a source, and reports when it is frozen.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"
#include "freshframe/node.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "sources/still/still_rule.hpp"

namespace freshframe::media {

/// Keeps its state across reconnections. If keyframes are closer than 0.4 s, as in MJPEG, only one per second
/// counts. Called on the source's thread.
class StillWatch {
 public:
  /// `title`: the source's name in messages. `frozen_after`: as in OpenOptions.
  StillWatch(std::string title, std::optional<double> frozen_after);
  StillWatch(const StillWatch&) = delete;
  StillWatch& operator=(const StillWatch&) = delete;

  /// Call for an intact keyframe of a source that decodes all of them.
  void note_picture(const Frame& picture, TimePoint captured, const Context& context);
  /// Call for the packet of a keyframe that is not decoded, or whose frame stays on a GPU. Detects repeated
  /// bytes.
  void note_packet(std::span<const std::uint8_t> bytes, TimePoint captured, const Context& context);
  /// Frames stay on a GPU and are no longer inspected, so earlier results from frames are void.
  void trust_packets() noexcept { asked_ = kUnseen + 1; }
  /// Returns true if a source that does not decode should decode the keyframe that arrived at `now`: none was
  /// requested for a quarter of `frozen_after`, or for a second while a freeze is suspected.
  [[nodiscard]] bool needs_picture(TimePoint now) const noexcept;
  void ask_picture(TimePoint now) noexcept;
  /// Records the requested image, if it could be decoded.
  void note_seen(const Frame& picture, TimePoint captured, const Context& context);

 private:
  [[nodiscard]] bool counts(TimePoint captured);
  [[nodiscard]] StillRule::Verdict verdict() const;
  void tell(TimePoint captured, const Context& context);

  const std::string title_;
  const double limit_;  // seconds; 0 means never
  const bool is_ill_;
  std::optional<StillRule> rule_;      // created when the first image arrives
  std::optional<StillRule> bytes_;     // rule for packets, while the source does not decode
  int news_ = 0;                       // new decoded images in a row since bytes_ was created
  std::optional<TimePoint> pictured_;  // when an image was last requested
  static constexpr int kUnseen = 3;    // limit of asked_
  int asked_ = 0;                      // requested images in a row that did not arrive
  bool suspects_ = false;              // the last image suggests a freeze, however short
  std::optional<TimePoint> last_;      // last keyframe
  std::optional<TimePoint> counted_;   // last keyframe that counts
  StillRule::Kind told_ = StillRule::Kind::None;
};

}  // namespace freshframe::media
