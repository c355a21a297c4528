// Reads the packets of one video stream out of a local file.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "media/ffmpeg/decoder.hpp"
#include "media/ffmpeg/interrupt.hpp"
#include "media/ffmpeg/ptr.hpp"
#include "media/file/stream_spans.hpp"

namespace freshframe::media {

inline constexpr double kDefaultFps = 25;  // FFmpeg's own for pictures

/// What a demuxer needs to know to open.
struct DemuxerSettings {
  std::string url;                                     // as the user wrote it, password masked: for messages
  std::string path;                                    // of the file
  double open_timeout = 5;                             // seconds
  double read_timeout = 5;                             // seconds
  std::stop_token stop = {};                           // of the pipeline
  std::string most_pixels = Decoder::most_pixels({});  // of a picture, as FFmpeg's option
  bool probe = true;           // false: nothing is decoded in advance where the container's header says all
  bool probe_pictures = true;  // false: a picture is not decoded once in advance to learn its size
};

/// One open container. One thread. Blocks in the constructor and in next() until the file delivers, the time
/// limit passes or the pipeline stops.
class Demuxer {
 public:
  enum class Result { Packet, Damaged, End, Stopped };

  /// Takes the entries that it knows out of `options`. Throws SourceError, SourceTimeout.
  Demuxer(DemuxerSettings settings, Dictionary& options);

  /// Fills `packet` with the next one of the video stream. Damaged: a packet could not be read, go on.
  /// Throws SourceTimeout, and SourceError when nothing but damage comes.
  [[nodiscard]] Result next(AVPacket& packet);
  /// Back to the start; false: this container cannot, open it again.
  [[nodiscard]] bool rewind();
  /// To a key frame at or before `ticks`, by the container's index, if that lists every frame. False: nothing
  /// was done.
  [[nodiscard]] bool jump(std::int64_t ticks);
  /// By the index that jump() used: how many frames are decoded before that of `packet`.
  [[nodiscard]] std::optional<std::int64_t> frames_before(const AVPacket& packet) const;
  /// What a call that a stop has interrupted throws: SourceError with ECANCELED.
  [[noreturn]] void throw_stopped() const;

  [[nodiscard]] AVStream& stream() const noexcept { return *stream_; }
  [[nodiscard]] AVFormatContext& input() const noexcept { return *input_; }
  /// A single picture (png, jpeg, ...), not a video.
  [[nodiscard]] bool is_picture() const;
  /// Frames per second as the container or the codec has it.
  [[nodiscard]] std::optional<double> fps() const;
  [[nodiscard]] std::optional<double> duration() const;  // seconds
  /// Seconds from one frame to the next above which the time is FFmpeg's mistake: it takes what lies before
  /// the first frame of a stream with discontinuities for wrapped, 26.5 hours later.
  [[nodiscard]] double largest_leap() const noexcept;
  [[nodiscard]] std::optional<std::int64_t> frame_count() const;
  /// FFmpeg's reader logged an error in the last next(), whatever it returned: something was skipped.
  [[nodiscard]] bool complained() const noexcept { return complained_; }
  /// After End: how many packets the file was cut off before, by its index; at least 1 if it complained.
  [[nodiscard]] std::int64_t missing_packets() const;
  /// Packets so far of other video streams that lie before or behind the chosen one.
  [[nodiscard]] std::int64_t unread_packets() const { return spans_.packets_apart_from(stream_->index); }

 private:
  void open_file(Dictionary& options);
  [[nodiscard]] const AVInputFormat* choose_format(Dictionary& options);
  void open_container(Dictionary& options);
  void find_streams();
  void read_all_ahead();
  void read_again_from(std::int64_t start);
  void choose_stream();
  [[nodiscard]] std::int64_t missing_entries() const;
  [[noreturn]] void fail(const std::string& why, int code = 0) const;
  [[noreturn]] void lose(int error) const;
  void check_interrupt(const char* doing, double limit) const;

  DemuxerSettings settings_;
  Interrupt interrupt_;  // outlives io_ and input_, which poll it
  IoPtr io_;             // outlives input_, which reads from it
  InputPtr input_;
  AVStream* stream_ = nullptr;
  bool all_streams_ = false;  // the packets tell which streams there are, not the tables
  StreamSpans spans_;         // of the video streams, as far as they were read
  int damaged_in_row_ = 0;
  bool complained_ = false;
};

}  // namespace freshframe::media
