// Looks at the keyframes of a source, and reports when they are frozen.
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

/// Also over reconnections. Of keyframes that are closer than 0.4 s, as of MJPEG, one each second counts. On the
/// thread of the source.
class StillWatch {
 public:
  /// `title` is the source's name in messages, `frozen_after` as in OpenOptions.
  StillWatch(std::string title, std::optional<double> frozen_after);
  StillWatch(const StillWatch&) = delete;
  StillWatch& operator=(const StillWatch&) = delete;

  /// A keyframe that is whole, of a source that decodes all of them.
  void note_picture(const Frame& picture, TimePoint captured, const Context& context);
  /// The packet of a keyframe that is not decoded, or whose picture stays on a card. If its bytes come again, it is known.
  void note_packet(std::span<const std::uint8_t> bytes, TimePoint captured, const Context& context);
  /// From now on no picture is looked at, as its pictures stay on a card: what the last ones have shown is over.
  void trust_packets() noexcept { asked_ = kUnseen + 1; }
  /// Whether a source that decodes none has to decode the keyframe that has come at `now`: it was asked for none for
  /// a quarter of `frozen_after`, or for a second while it seems to be frozen.
  [[nodiscard]] bool needs_picture(TimePoint now) const noexcept;
  void ask_picture(TimePoint now) noexcept;
  /// Notes the picture that was asked for, if it could be decoded.
  void note_seen(const Frame& picture, TimePoint captured, const Context& context);

 private:
  [[nodiscard]] bool counts(TimePoint captured);
  [[nodiscard]] StillRule::Verdict verdict() const;
  void tell(TimePoint captured, const Context& context);

  const std::string title_;
  const double limit_;  // seconds; 0 means never
  const bool is_ill_;
  std::optional<StillRule> rule_;      // once an image has arrived
  std::optional<StillRule> bytes_;     // rule for packets, since the source has decoded nothing
  int news_ = 0;                       // decoded pictures since then that were new, in a row
  std::optional<TimePoint> pictured_;  // when the last picture was asked for
  static constexpr int kUnseen = 3;    // pictures that were asked for in a row, and did not come
  int asked_ = 0;                      // pictures in a row that did not come
  bool suspects_ = false;              // by the last picture it is frozen, however short
  std::optional<TimePoint> last_;      // keyframe
  std::optional<TimePoint> counted_;   // the last verdict that counts
  StillRule::Kind told_ = StillRule::Kind::None;
};

}  // namespace freshframe::media
