// The videos of a file, and which of them is read.
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
  bool cover = false;  // the image of a sound file, a thumbnail, or a tile of a larger image
  bool still = false;  // one image beside a video
};

/// All videos, covers included, in the order of the streams. `first_packets`: the number of packets of each stream among
/// those read so far. It tells stills from videos where the container lists no number of frames.
[[nodiscard]] std::vector<FileVideo> list_videos(const AVFormatContext& input,
                                                 const std::map<int, std::int64_t>& first_packets);

/// Whether the header leaves open which of several videos are stills.
[[nodiscard]] bool must_count_packets(const AVFormatContext& input);

/// The decodable video with the largest images, or the first of equal ones. Covers and stills only if there is nothing
/// else. Null if no video can be decoded.
[[nodiscard]] AVStream* choose_video(const std::vector<FileVideo>& videos);

/// The main image of a still, which is all or the first that is whole. Null if none can be decoded.
[[nodiscard]] AVStream* choose_image(AVFormatContext& input);

/// "1: 640x360 h264, 900 frames": of each video.
[[nodiscard]] std::vector<std::string> describe_videos(const std::vector<FileVideo>& videos);

/// Why the stream of this index cannot be read; nullopt if it can.
[[nodiscard]] std::optional<std::string> stream_fault(const AVFormatContext& input,
                                                      const std::vector<FileVideo>& videos, int index);

/// The end of a stream by its tag, which programs write with the statistics; else of the file, if it has no other stream.
/// FFmpeg writes the time of the end, and other programs write the length.
[[nodiscard]] std::optional<std::int64_t> matroska_end(const AVFormatContext& input, const AVStream& stream,
                                                       std::int64_t start);

/// The positions of each video stream's packets in a file. A stream that is wholly before or after the chosen
/// one continues it under another number, as at a change of programmes. A stream that overlaps it is another
/// view of the same time.
class StreamSpans {
 public:
  /// `position`: of the packet in the file, in bytes; below 0: unknown.
  void add(int stream, std::int64_t position);
  /// The number of packets of streams that are before or after `chosen`.
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
