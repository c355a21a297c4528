// Lists the videos of a file and chooses the one to read.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// One video of a file.
struct FileVideo {
  AVStream* stream = nullptr;
  bool cover = false;  // cover art of an audio file, a thumbnail, or a tile of a larger image
  bool still = false;  // a single image next to a video
};

/// Lists all videos, including cover images, in stream order. `first_packets`: packets of each stream among
/// those read so far, to tell stills from videos if the container does not state the number of frames.
[[nodiscard]] std::vector<FileVideo> list_videos(const AVFormatContext& input,
                                                 const std::map<int, std::int64_t>& first_packets);

/// Returns true if the header does not tell which of several videos are stills.
[[nodiscard]] bool must_count_packets(const AVFormatContext& input);

/// Returns the decodable video with the largest images, or the first of equal ones. Covers and stills are
/// only used if there is nothing else. Null if no video can be decoded.
[[nodiscard]] AVStream* choose_video(const std::vector<FileVideo>& videos);

/// Returns the main image of a still image file: the whole, or the first complete image. Null if none can be
/// decoded.
[[nodiscard]] AVStream* choose_image(AVFormatContext& input);

/// Formats each video as "1: 640x360 h264, 900 frames".
[[nodiscard]] std::vector<std::string> describe_videos(const std::vector<FileVideo>& videos);

/// Returns why the stream with this index cannot be read, or nullopt.
[[nodiscard]] std::optional<std::string> stream_fault(const AVFormatContext& input,
                                                      const std::vector<FileVideo>& videos, int index);

/// Returns the end of a stream from its statistics tag, or of the file if it has only this stream. The
/// duration is the end time if FFmpeg wrote it, and the length if other programs did.
[[nodiscard]] std::optional<std::int64_t> matroska_end(const AVFormatContext& input, const AVStream& stream,
                                                       std::int64_t start);

/// Byte ranges of the packets of each video stream. A stream entirely before or after the chosen one
/// continues it under another number, as at a change of programme. A stream that overlaps it is another view
/// of the same time.
class StreamSpans {
 public:
  /// `position`: byte offset of the packet in the file; negative if unknown.
  void add(int stream, std::int64_t position);
  /// Counts packets of streams that lie entirely before or after `chosen`.
  [[nodiscard]] std::int64_t packets_apart_from(int chosen) const;

 private:
  struct Span {
    std::int64_t packets = 0;
    std::optional<std::int64_t> first;
    std::int64_t last = 0;
  };
  std::map<int, Span> spans_;
};

}  // namespace freshframe::media
