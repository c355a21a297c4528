// Reads the properties of an encoded frame without decoding it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "core/watch/feed.hpp"
#include "media/units/damage.hpp"
#include "media/units/unit_facts.hpp"

namespace freshframe::media::browser {

/// The properties that an encoded frame states.
struct EncodedImage {
  bool key = false;  // decoding can start at this frame
  PictureNotes notes;
  /// Size in pixels that the decoder allocates; 0 if the frame does not state it. A keyframe does.
  std::int64_t width = 0;
  std::int64_t height = 0;
};

/// Inspects the headers of a frame, because the sender's own statements cannot be trusted. Returns nullopt if
/// the bytes are not a frame of this codec. H.264 must have start codes (Annex B) and at most one sequence
/// parameter set per frame.
[[nodiscard]] std::optional<EncodedImage> look_at_image(core::FeedCodec codec, Bytes bytes);

}  // namespace freshframe::media::browser
