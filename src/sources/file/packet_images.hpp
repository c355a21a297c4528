// Decides which packets of a video contain an image.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// Returns true if decoding the packet produces an image. False for empty packets (repeat the previous
/// image), for H.264 and H.265 packets with only SEI messages, parameter sets or filler, and for VP8 frames
/// that are not shown. Ignores the container's discard flag.
[[nodiscard]] bool holds_image(const AVPacket& packet, const AVCodecParameters& parameters);

/// Prepends a packet to the next one, because FFmpeg's H.264 decoder treats a packet without an image as
/// damaged.
void put_before(const AVPacket& first, AVPacket& next);

/// Returns true if an MPEG-4 packet holds two images (packed B-frames), or is a placeholder after such a
/// packet.
[[nodiscard]] bool is_packed(const AVPacket& packet, const AVCodecParameters& parameters);

}  // namespace freshframe::media
