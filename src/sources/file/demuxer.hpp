// Reads the packets of one video stream from a local file or over HTTP.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "media/ffmpeg/interrupt.hpp"
#include "media/ffmpeg/ptr.hpp"
#include "media/ffmpeg/read/decoder.hpp"
#include "media/http/http_access.hpp"
#include "media/url/open_secrets.hpp"
#include "sources/file/file_videos.hpp"
#include "sources/file/unsized_io.hpp"

namespace freshframe::media {

class FfmpegErrorCapture;

inline constexpr double kDefaultFps = 25;  // FFmpeg's default for images

/// The arguments for opening a file.
struct DemuxerSettings {
  std::string url;                                     // for messages: as given, with the password masked
  std::string path;                                    // path of a local file, or URL to read over HTTP
  bool remote = false;                                 // `path` is a URL
  double open_timeout = 5;                             // seconds
  double read_timeout = 5;                             // seconds
  std::stop_token stop = {};                           // of the pipeline
  std::string most_pixels = Decoder::most_pixels({});  // limit of an image's pixels, as an FFmpeg option
  bool probe = true;              // if false, does not probe where the container's header is sufficient
  std::optional<int> video = {};  // index of the stream to read; default: choose_video()
};

/// An open container. Not thread-safe. The constructor and next() block until data arrives, the time limit
/// passes or the pipeline stops.
class Demuxer {
 public:
  enum class Result { Packet, Damaged, End, Stopped };

  /// Removes the entries that it uses from `options`. Throws SourceError or SourceTimeoutError.
  Demuxer(DemuxerSettings settings, Dictionary& options);

  /// Fills `packet` with the next packet of the video stream. Damaged: a packet could not be read; continue.
  /// Throws SourceTimeoutError, and SourceError if all packets are damaged.
  [[nodiscard]] Result next(AVPacket& packet);
  /// Seeks to the start. Returns false if the container must be reopened instead.
  [[nodiscard]] bool rewind();
  /// Seeks to a keyframe at or before `ticks` with the container's index. Returns false and does nothing if
  /// the index does not list every frame.
  [[nodiscard]] bool jump(std::int64_t ticks);
  /// Number of frames decoded before the frame of `packet`, from the index that jump() used.
  [[nodiscard]] std::optional<std::int64_t> frames_before(const AVPacket& packet) const;
  /// Throws SourceError with ECANCELED, like any call that a stop interrupts.
  [[noreturn]] void throw_stopped() const;

  [[nodiscard]] AVStream& stream() const noexcept { return *stream_; }
  [[nodiscard]] AVFormatContext& input() const noexcept { return *input_; }
  /// Returns true for a still image (PNG, JPEG, ...).
  [[nodiscard]] bool is_picture() const;
  /// Start of the file: its first video or audio, in ticks of the video stream.
  [[nodiscard]] std::int64_t origin() const noexcept { return origin_; }
  /// Returns true if packets are only numbered: the container does not store timestamps.
  [[nodiscard]] bool lacks_times() const;
  /// From the container or the codec.
  [[nodiscard]] std::optional<double> fps() const;
  [[nodiscard]] std::optional<double> duration() const;  // seconds
  /// Returns true if the container stores the duration of each frame. Otherwise FFmpeg guesses it.
  [[nodiscard]] bool has_durations() const;
  /// End of the last frame in ticks, for containers with edit lists that state it.
  [[nodiscard]] std::optional<std::int64_t> end() const;
  /// Unix time as the recording device wrote it: of the start or end, in UTC or local time.
  [[nodiscard]] std::optional<double> creation_time() const;
  /// Longer intervals between frames, in seconds, are errors of FFmpeg: in streams with discontinuities it
  /// treats timestamps before the first frame as wrapped, 26.5 hours later.
  [[nodiscard]] double largest_leap() const noexcept;
  [[nodiscard]] std::optional<std::int64_t> frame_count() const;
  /// FFmpeg's demuxer logged an error during the last next(), so data was skipped even if a packet was
  /// returned.
  [[nodiscard]] bool has_complained() const noexcept { return complained_; }
  /// FFmpeg ignored the table of timestamps: frames may be out of order, or hidden.
  [[nodiscard]] bool has_damaged_times() const noexcept { return damaged_times_; }
  /// Another MP4 follows the one that FFmpeg reads, as in files that were concatenated byte by byte.
  [[nodiscard]] bool has_second_file() const noexcept { return second_index_; }
  /// Each packet is one complete frame, because the container requires it or has an index of all frames.
  [[nodiscard]] bool has_whole_frames() const;
  /// Returns how many packets are missing at the end according to the index; at least 1 if the demuxer logged
  /// an error. Call it after End.
  [[nodiscard]] std::int64_t missing_packets() const;
  /// Packets so far of other video streams that lie entirely before or after the chosen one, unless the user
  /// chose it. Only transport and program streams continue a video in another stream.
  [[nodiscard]] std::int64_t unread_packets() const;
  /// All videos, including cover images.
  [[nodiscard]] const std::vector<FileVideo>& videos() const noexcept { return videos_; }

 private:
  /// A packet of any stream, read while looking for videos or the start of the file.
  struct Ahead {
    Result result = Result::Packet;
    bool complained = false;
    AvPacketPtr packet;
  };

  using OpenPart = int (*)(AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**);
  static int open_part(AVFormatContext* input, AVIOContext** io, const char* url, int flags,
                       AVDictionary** options) noexcept;
  void open_file(Dictionary& options, const FfmpegErrorCapture& errors);
  [[nodiscard]] AVIOContext& io() const noexcept { return unsized_ ? unsized_->io() : *io_; }
  [[nodiscard]] std::string address() const;
  void check_playlist(AVIOContext& io);
  void look_at_begin();
  [[nodiscard]] const AVInputFormat* choose_format(Dictionary& options);
  void open_container(Dictionary& options);
  void find_streams();
  void read_all_ahead();
  void read_again_from(std::int64_t start);
  [[nodiscard]] std::map<int, std::int64_t> count_first_packets();
  void choose_stream();
  void check_stream() const;
  void find_origin();
  [[nodiscard]] std::map<int, std::int64_t> read_starts(std::map<int, std::int64_t> starts);
  [[nodiscard]] Result read_any(AVPacket& packet);
  /// `error`: FFmpeg's error code, or AVERROR(errno).
  [[noreturn]] void fail(const std::string& why, int error = 0) const;
  [[noreturn]] void lose(int error) const;
  void check_interrupt(const char* doing, double limit) const;

  DemuxerSettings settings_;
  OpenSecrets secrets_;
  Interrupt interrupt_;  // must outlive io_ and input_, which poll it
  HttpAccess access_;
  OpenPart open_part_ = nullptr;  // FFmpeg's original callback
  IoPtr io_;                      // must outlive input_, which reads from it; null if unsized_ is used
  std::unique_ptr<UnsizedIo> unsized_;
  // FFmpeg reads a body of unknown length itself, and reports its end as an error.
  bool ends_with_error_ = false;
  InputPtr input_;
  AVStream* stream_ = nullptr;
  std::vector<FileVideo> videos_;
  bool all_streams_ = false;    // take the streams from the packets, not from the tables
  std::string playlist_fault_;  // see find_fault()
  bool jpeg_ = false;           // the file starts with a JPEG marker
  bool heif_ = false;           // the file is a HEIC or AVIF image
  std::int64_t origin_ = 0;
  std::deque<Ahead> ahead_;
  StreamSpans spans_;            // spans of the video streams read so far
  std::int64_t packet_end_ = 0;  // offset of the end of the last packet, in bytes
  int damaged_in_row_ = 0;
  bool complained_ = false;
  bool damaged_times_ = false;
  bool second_index_ = false;
};

}  // namespace freshframe::media
