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

#include "media/ffmpeg/interrupt.hpp"
#include "media/ffmpeg/ptr.hpp"
#include "media/ffmpeg/read/decoder.hpp"
#include "media/url/open_secrets.hpp"
#include "sources/file/unsized_io.hpp"

namespace freshframe::media {

class FfmpegErrorCapture;

// Distinguishes skipped video from video that runs in parallel to the chosen stream.

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
  bool probe = true;  // false means no probing if the container's header is sufficient
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
  /// The packets so far of other video streams that are before or after the chosen one.
  [[nodiscard]] std::int64_t unread_packets() const { return spans_.packets_apart_from(stream_->index); }

 private:
  /// A packet that was read to find the start of the file.
  struct Ahead {
    Result result = Result::Packet;
    bool complained = false;
    AvPacketPtr packet;
  };

  void open_file(Dictionary& options, const FfmpegErrorCapture& errors);
  [[nodiscard]] AVIOContext& io() const noexcept { return unsized_ ? unsized_->io() : *io_; }
  [[nodiscard]] std::string address() const;
  void look_at_begin();
  [[nodiscard]] const AVInputFormat* choose_format(Dictionary& options);
  void open_container(Dictionary& options);
  void find_streams();
  void read_all_ahead();
  void read_again_from(std::int64_t start);
  void choose_stream();
  void find_origin();
  [[nodiscard]] std::map<int, std::int64_t> read_starts(std::map<int, std::int64_t> starts);
  [[nodiscard]] bool has_pictures_or_sound(const AVStream& stream) const;
  [[nodiscard]] Result read_any(AVPacket& packet);
  [[nodiscard]] std::int64_t missing_entries() const;
  [[noreturn]] void fail(const std::string& why, int code = 0) const;
  [[noreturn]] void lose(int error) const;
  void check_interrupt(const char* doing, double limit) const;

  DemuxerSettings settings_;
  OpenSecrets secrets_;
  Interrupt interrupt_;  // outlives io_ and input_, which poll it
  IoPtr io_;             // outlives input_, which reads from it; null with unsized_
  std::unique_ptr<UnsizedIo> unsized_;
  bool ends_with_error_ = false;  // FFmpeg itself reads a body without a length: its end is an error to it
  InputPtr input_;
  AVStream* stream_ = nullptr;
  bool all_streams_ = false;  // the packets show the streams, not the tables
  bool jpeg_ = false;         // the file begins as a JPEG
  bool heif_ = false;         // whether it is a HEIC or AVIF picture
  std::int64_t origin_ = 0;
  std::deque<Ahead> ahead_;
  StreamSpans spans_;  // spans of the video streams read so far
  int damaged_in_row_ = 0;
  bool complained_ = false;
  bool damaged_times_ = false;
  bool second_index_ = false;
};

}  // namespace freshframe::media
