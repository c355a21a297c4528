// Finds out what streams a container has, without decoding pictures of absurd sizes meanwhile.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <string>

#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// Transport and program streams: other streams may begin anywhere in them. Their readers skip a stream that may not
/// be made; others would call it an error.
[[nodiscard]] bool skips_new_streams(const AVFormatContext& input);

/// The header has told of no video, and says that there may be more than it tells.
[[nodiscard]] bool must_read_ahead(const AVFormatContext& input);

/// The container's header says all that avformat_find_stream_info() finds out by decoding frames: size, rate
/// and reordering of the only video stream. The last is then among the stream's parameters.
[[nodiscard]] bool header_tells_all(AVFormatContext& input);

/// As avformat_find_stream_info(), which knows no limit for streams that it finds while it looks: those of
/// transport and program streams are left out. Call read_ahead() first where that must be.
/// `most_pixels`: of a picture, FFmpeg's option max_pixels. Below 0: an error of FFmpeg.
[[nodiscard]] int find_streams_within(AVFormatContext& input, const std::string& most_pixels);

/// Reads packets until the first of a video stream, decodes nothing; they are added to `packets`. Gives up
/// after `input.probesize` bytes, and after 3 s when there is something else, such as sound. Below 0: an
/// error of FFmpeg, its end included.
[[nodiscard]] int read_ahead(AVFormatContext& input, std::deque<AvPacketPtr>& packets);

}  // namespace freshframe::media
