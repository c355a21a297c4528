// Which packets of a video are images.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// Whether decoding the packet gives an image. Not so for an empty packet, which repeats the image before it, for
/// packets of H.264 and H.265 with messages, parameter sets or filler only, and for images of VP8 that are not to be
/// shown. Ignores the flag by which a container hides an image.
[[nodiscard]] bool holds_image(const AVPacket& packet, const AVCodecParameters& parameters);

/// Puts the bytes of one packet before those of the next: FFmpeg's decoder of H.264 takes a packet without an image for a
/// damaged one.
void put_before(const AVPacket& first, AVPacket& next);

/// Whether a packet of MPEG-4 holds two images, or is a place holder after such a packet.
[[nodiscard]] bool is_packed(const AVPacket& packet, const AVCodecParameters& parameters);

}  // namespace freshframe::media
