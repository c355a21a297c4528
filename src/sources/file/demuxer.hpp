// Reads the packets of one video stream from a file, which is local or read over HTTP.
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

inline constexpr double kDefaultFps = 25;  // FFmpeg's own for pictures

/// The arguments for opening a file.
struct DemuxerSettings {
  std::string url;                                     // as given, password masked: for messages
  std::string path;                                    // path of the file; a URL is read over HTTP
  bool remote = false;                                 // it is
  double open_timeout = 5;                             // seconds
  double read_timeout = 5;                             // seconds
  std::stop_token stop = {};                           // stop of the pipeline
  std::string most_pixels = Decoder::most_pixels({});  // limit of a picture's pixels, as FFmpeg's option
  bool probe = true;              // false means no probing if the container's header is sufficient
  std::optional<int> video = {};  // index of the stream to read; default: choose_video()
};

/// One open container. One thread. Blocks in the constructor and in next() until the file delivers, the time
/// limit passes or the pipeline stops.
class Demuxer {
 public:
  enum class Result { Packet, Damaged, End, Stopped };

  /// Removes the entries that it knows from `options`. Throws SourceError, SourceTimeoutError.
  Demuxer(DemuxerSettings settings, Dictionary& options);

  /// Fills `packet` with the next one of the video stream. Damaged: a packet could not be read, continue.
  /// Throws SourceTimeoutError, and SourceError when all packets are damaged.
  [[nodiscard]] Result next(AVPacket& packet);
  /// Seeks to the start; false means not possible in this container, open it again.
  [[nodiscard]] bool rewind();
  /// Seeks to a keyframe at or before `ticks`, by the container's index, if that lists every frame. False
  /// means nothing was done.
  [[nodiscard]] bool jump(std::int64_t ticks);
  /// The number of frames that are decoded before the frame of `packet`, by the index that jump() used.
  [[nodiscard]] std::optional<std::int64_t> frames_before(const AVPacket& packet) const;
  /// The exception of a call that a stop has interrupted: SourceError with ECANCELED.
  [[noreturn]] void throw_stopped() const;

  [[nodiscard]] AVStream& stream() const noexcept { return *stream_; }
  [[nodiscard]] AVFormatContext& input() const noexcept { return *input_; }
  /// A single picture (png, jpeg, ...), not a video.
  [[nodiscard]] bool is_picture() const;
  /// The start of the file: of its first picture or sound, in ticks of the video stream.
  [[nodiscard]] std::int64_t origin() const noexcept { return origin_; }
  /// The packets are numbered, but the container does not contain the times of their pictures.
  [[nodiscard]] bool lacks_times() const;
  /// Frames per second from the container or the codec.
  [[nodiscard]] std::optional<double> fps() const;
  [[nodiscard]] std::optional<double> duration() const;  // seconds
  /// The container has the duration of each frame. Otherwise FFmpeg guesses it.
  [[nodiscard]] bool has_durations() const;
  /// The end of the last frame in ticks, where a container with edit lists has it.
  [[nodiscard]] std::optional<std::int64_t> end() const;
  /// Unix time of the recording, as its device wrote it: of its beginning or end, in UTC or local time.
  [[nodiscard]] std::optional<double> creation_time() const;
  /// A longer interval between two frames, in seconds, is FFmpeg's mistake: in a stream with discontinuities
  /// it treats times before the first frame as wrapped, 26.5 hours later.
  [[nodiscard]] double largest_leap() const noexcept;
  [[nodiscard]] std::optional<std::int64_t> frame_count() const;
  /// FFmpeg's demuxer logged an error in the last next(), even if that returned a packet: data was skipped.
  [[nodiscard]] bool has_complained() const noexcept { return complained_; }
  /// FFmpeg ignored the table of the frames' times: their order may be wrong, and it may hide some of them.
  [[nodiscard]] bool has_damaged_times() const noexcept { return damaged_times_; }
  /// The file goes on after the frames that FFmpeg reads, as two MP4s do that were joined byte by byte.
  [[nodiscard]] bool has_second_file() const noexcept { return second_index_; }
  /// Each packet is a whole frame, because the container stores them so, or has an index of all.
  [[nodiscard]] bool has_whole_frames() const;
  /// After End: the number of packets missing at the end, by the file's index; at least 1 if the demuxer
  /// logged an error.
  [[nodiscard]] std::int64_t missing_packets() const;
  /// The packets so far of other video streams that are before or after the chosen one, unless the user chose it. Only
  /// transport and program streams continue a video in another stream.
  [[nodiscard]] std::int64_t unread_packets() const;
  /// All videos, covers included.
  [[nodiscard]] const std::vector<FileVideo>& videos() const noexcept { return videos_; }

 private:
  /// A packet of any stream that was read to find the videos or the start of the file.
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
  [[noreturn]] void fail(const std::string& why, int code = 0) const;
  [[noreturn]] void lose(int error) const;
  void check_interrupt(const char* doing, double limit) const;

  DemuxerSettings settings_;
  OpenSecrets secrets_;
  Interrupt interrupt_;  // outlives io_ and input_, which poll it
  HttpAccess access_;
  OpenPart open_part_ = nullptr;  // FFmpeg's own
  IoPtr io_;                      // outlives input_, which reads from it; null with unsized_
  std::unique_ptr<UnsizedIo> unsized_;
  bool ends_with_error_ = false;  // FFmpeg itself reads a body without a length: its end is an error to it
  InputPtr input_;
  AVStream* stream_ = nullptr;
  std::vector<FileVideo> videos_;
  bool all_streams_ = false;  // the packets show the streams, not the tables
  std::string encryption_;    // of a playlist that FFmpeg cannot decrypt
  bool jpeg_ = false;         // the file begins as a JPEG
  bool heif_ = false;         // whether it is a HEIC or AVIF picture
  std::int64_t origin_ = 0;
  std::deque<Ahead> ahead_;
  StreamSpans spans_;            // spans of the video streams read so far
  std::int64_t packet_end_ = 0;  // position after the latest packet, in bytes
  int damaged_in_row_ = 0;
  bool complained_ = false;
  bool damaged_times_ = false;
  bool second_index_ = false;
};

}  // namespace freshframe::media
