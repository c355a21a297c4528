// Detects what a file is by its first bytes, and the streams of a container, without decoding pictures of absurd sizes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <string>
#include <string_view>

#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// Pictures in the container of MP4: HEIC of phones, AVIF.
[[nodiscard]] bool is_heif_brand(std::string_view brand);

/// Whether it may be a playlist of HLS or DASH: FFmpeg asks its own input for the place of one and for the options of its
/// segments.
[[nodiscard]] bool begins_as_playlist(AVIOContext& io);

/// Whether a JPEG lists the pictures that follow it in the file as parts of one photo, such as a gain map (Multi-Picture
/// Format, CIPA DC-007). False where `io` cannot seek.
[[nodiscard]] bool lists_pictures(AVIOContext& io);

/// A stream of pictures that are whole: no cover of a sound file, and no tile of a larger picture.
[[nodiscard]] bool is_whole_video(const AVStream& stream);

/// Transport and program streams: other streams may begin anywhere in them. The demuxers skip a stream that
/// may not be created. For other demuxers that is an error.
[[nodiscard]] bool skips_new_streams(const AVFormatContext& input);

/// The header lists no video, and declares that there may be further streams.
[[nodiscard]] bool must_read_ahead(const AVFormatContext& input);

/// The container's header contains all that avformat_find_stream_info() derives from decoded frames: size,
/// rate and reordering of the only video stream. The reordering is then among the stream's parameters.
[[nodiscard]] bool header_tells_all(AVFormatContext& input);

/// Does what avformat_find_stream_info() does, which has no limit for streams that it finds meanwhile: such streams
/// of transport and program streams are left out. Call read_ahead() first where it is needed. `most_pixels`: of a
/// picture, FFmpeg's option max_pixels. Returns an error of FFmpeg below 0.
[[nodiscard]] int find_streams_within(AVFormatContext& input, const std::string& most_pixels);

/// Reads packets until the first of a video stream, decodes nothing; they are added to `packets`. Gives up
/// after `input.probesize` bytes, and after 3 s if there are only other streams, such as sound. Below 0: an
/// error of FFmpeg, its end included.
[[nodiscard]] int read_ahead(AVFormatContext& input, std::deque<AvPacketPtr>& packets);

}  // namespace freshframe::media
