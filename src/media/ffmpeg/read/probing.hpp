// Detects file types by their first bytes, and the streams of a container without decoding images of absurd
// sizes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// Returns true for images in an MP4 container: HEIC of phones, AVIF.
[[nodiscard]] bool is_heif_brand(std::string_view brand);

/// Returns true if this may be an HLS or DASH playlist. FFmpeg must open the input of a playlist itself,
/// because it queries that input for the location and the options of segments.
[[nodiscard]] bool begins_as_playlist(AVIOContext& io);

/// Returns true if a JPEG lists the images after it as parts of one photo, such as a gain map (Multi-Picture
/// Format, CIPA DC-007). False if `io` is not seekable.
[[nodiscard]] bool lists_pictures(AVIOContext& io);

/// Returns true for video with complete images, not cover art of an audio file or a tile of a larger image.
[[nodiscard]] bool is_whole_video(const AVStream& stream);

/// Returns true if this build of FFmpeg has a decoder for the stream.
[[nodiscard]] bool has_decoder(const AVStream& stream);

/// Pixels per image, as the container declares them.
[[nodiscard]] std::int64_t count_pixels(const AVStream& stream);

/// Formats a video as "640x360 h264".
[[nodiscard]] std::string describe_video(const AVStream& stream);

/// Formats any stream as "audio (mp3)".
[[nodiscard]] std::string describe_kind(const AVStream& stream);

/// Returns true for transport and program streams. In these, new streams may appear anywhere, and the demuxer
/// skips those that exceed max_streams. For other demuxers, exceeding it is an error.
[[nodiscard]] bool skips_new_streams(const AVFormatContext& input);

/// Returns true if the header lists no video, but declares that more streams may follow.
[[nodiscard]] bool must_read_ahead(const AVFormatContext& input);

/// Returns true if the container's header has all that avformat_find_stream_info() derives from decoded
/// frames: size, frame rate and reordering of the only video. Also stores the reordering in the stream's
/// parameters.
[[nodiscard]] bool header_tells_all(AVFormatContext& input);

/// Calls avformat_find_stream_info(), which does not limit the number of new streams. So in transport and
/// program streams, only the streams that are already known are kept. If must_read_ahead(), call read_ahead()
/// first. `most_pixels`: limit per image, FFmpeg's option max_pixels. Returns a negative FFmpeg error code on
/// failure.
[[nodiscard]] int find_streams_within(AVFormatContext& input, const std::string& most_pixels);

/// Reads packets up to the first of a video stream, without decoding, and appends them to `packets`. Stops
/// after `input.probesize` bytes, and after 3 s if there are only other streams, such as audio. Returns a
/// negative FFmpeg error code on failure, and at the end.
[[nodiscard]] int read_ahead(AVFormatContext& input, std::deque<AvPacketPtr>& packets);

}  // namespace freshframe::media
