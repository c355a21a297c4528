// Decodes a video file or picture, which is local or behind HTTP.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "media/ffmpeg/read/decoder.hpp"
#include "media/ffmpeg/read/frame_maker.hpp"
#include "media/file/demuxer.hpp"
#include "media/file/start_scan.hpp"
#include "media/file/timeline.hpp"
#include "media/url/source_url.hpp"

namespace freshframe::media {

// Counts the frames that a decoder has left out or lost, by the packets without a frame.

/// A decoder returns frames in the order of their times. So when it has returned one, the packets with earlier times
/// have given a frame or will give none. One thread.
class SentPackets {
 public:
  /// A packet of one frame went to the decoder.
  void send(std::int64_t pts) { sent_.insert(pts); }
  /// A frame has come. Returns the number of packets before it without a frame.
  [[nodiscard]] std::size_t take(std::int64_t pts) {
    const auto its = sent_.lower_bound(pts);
    const auto before = static_cast<std::size_t>(std::distance(sent_.begin(), its));
    sent_.erase(sent_.begin(), its != sent_.end() && *its == pts ? std::next(its) : its);
    return before;
  }
  /// The end. Returns the number of packets without a frame.
  [[nodiscard]] std::size_t finish() {
    const auto rest = sent_.size();
    sent_.clear();
    return rest;
  }

 private:
  std::multiset<std::int64_t> sent_;
};

/// Lossless by default: as fast as it is read. With `realtime` it behaves like a camera: each frame is
/// delivered at its time in the file, whether the pipeline is ready or not.
class FileSource final : public VideoSource {
 public:
  /// The choice of the first frame.
  enum class Begin {
    At,      // the first whose pts is at or after `start`
    Showing  // the last whose pts is at or before `start`, as a player shows it
  };

  /// An http:// or https:// URL is that of a file behind HTTP.
  FileSource(SourceUrl url, OpenOptions options, Begin begin = Begin::At);

  [[nodiscard]] std::string url() const override { return url_.masked; }
  [[nodiscard]] VideoInfo info() const override { return info_; }
  [[nodiscard]] bool live() const noexcept override { return options_.realtime; }
  [[nodiscard]] std::optional<std::string> reads_from() const override;
  [[nodiscard]] std::optional<std::int64_t> total() const override;

  /// Opens the file and decodes the first frame: a file without a decodable frame fails here.
  void open(const Context& context) override;
  std::optional<SourceItem<Frame>> read(const Context& context) override;
  void close() override;

 private:
  /// A decoded frame and its position in the file.
  struct Placed {
    AvFramePtr frame;
    double pts = 0;
    std::optional<std::int64_t> seq = {};  // if it is not the next number
    std::int64_t left_out = 0;             // frames before it
    double time = 0;                       // in the file
  };

  void begin(const Context& context);
  void open_parts(const Context& context);
  void describe(const AVFrame& first);
  /// The first frame to deliver. Throws SourceError when there is none.
  [[nodiscard]] Placed first_frame(const Context& context);
  [[nodiscard]] Placed go_to_start(const Context& context);
  [[nodiscard]] std::optional<Placed> decode_from(StartPoint point, const Context& context);
  [[nodiscard]] Placed decode_to_start(const Context& context);
  /// `time`: of the frame, in the file.
  [[nodiscard]] Placed place(AvFramePtr frame, double time, std::optional<std::int64_t> seq = {});
  [[nodiscard]] bool is_before_end(double time) const;
  [[nodiscard]] bool ends_before_start(double last) const;
  [[noreturn]] void fail_start(double last) const;
  /// The next frame before `end`; nullopt at the end and at a stop.
  [[nodiscard]] std::optional<Placed> pull_placed(const Context& context);
  /// The next decoded frame; null at the end of the file and at a stop.
  [[nodiscard]] AvFramePtr pull(const Context& context);
  [[nodiscard]] bool feed(const Context& context);
  [[nodiscard]] Demuxer::Result next_packet();
  [[nodiscard]] bool wait_until_due(double pts, const Context& context);
  [[nodiscard]] bool start_again(const Context& context);
  void start_open_deadline();
  void start_times();
  void count_damage(const Context& context);
  void count_cut_off(const Context& context);
  void count_sent(const AVPacket& packet);
  void count_undecoded(const Context& context);
  void count_left_out(std::size_t frames, const Context& context);
  void count_answered(const AVFrame& frame, const Context& context);
  [[nodiscard]] std::optional<std::int64_t> number_of(const Placed& placed);
  [[nodiscard]] Utc utc_of(const Placed& placed) const;
  [[nodiscard]] std::optional<double> seconds(std::int64_t ticks) const;
  [[nodiscard]] std::optional<double> time_of(const AVFrame& frame);
  [[nodiscard]] std::int64_t wanted_ticks() const;
  [[nodiscard]] double tolerance() const;

  [[nodiscard]] bool is_remote() const noexcept { return url_.kind == UrlKind::Live; }
  [[nodiscard]] Dictionary reader_options() const;

  const SourceUrl url_;
  std::string place_;  // of a local file, settled by open(): `loop` opens it again
  OpenOptions options_;
  Begin begin_;
  VideoInfo info_;
  std::optional<Demuxer> demuxer_;
  std::optional<Decoder> decoder_;
  FrameMaker maker_;
  SizeWatch sizes_;
  double step_ = 1 / kDefaultFps;        // seconds between two frames where the stream does not say
  std::optional<Timeline> file_times_;   // in the file, of one pass
  std::optional<Timeline> frame_times_;  // through all passes
  AvPacketPtr packet_;
  std::deque<AvPacketPtr> read_ahead_;      // packets to decode before the demuxer's next
  AvFramePtr spare_;                        // for the next receive()
  std::optional<Placed> first_;             // decoded by open()
  std::optional<TimePoint> open_deadline_;  // real time, only while open() decodes the first frame
  std::exception_ptr lost_;                 // the error of reading, thrown after the decoder's last frames
  std::optional<TimePoint> started_;        // first read()
  TimePoint due_{};                         // realtime: of the current frame
  std::optional<double> first_due_;         // realtime: the pts at started_
  bool seeking_ = false;                    // decoding the frames before `start`, which are not counted
  std::int64_t first_number_ = 0;           // of the first frame
  std::int64_t frames_in_pass_ = 0;         // since open() or the last loop
  std::int64_t sent_in_pass_ = 0;           // packets of frames, see count_undecoded()
  std::optional<std::int64_t> first_sent_;  // the pts of the first of them
  std::optional<std::int64_t> first_dts_;   // in this pass, of the first packet
  std::optional<std::int64_t> delay_;  // in this pass, of the decoder, where packets have no pts: in ticks
  std::optional<double> created_;      // Unix time of the file's time 0
  bool leaves_out_ = false;            // the decoder was asked to leave frames out
  SentPackets sent_;                   // in this pass
  std::int64_t failures_ = 0;          // of the decoder, in this pass, whose frame has not been missed yet
  std::int64_t left_out_before_ = 0;   // the next frame: left out or lost
  std::int64_t next_number_ = 0;       // of that frame
  std::int64_t passes_ = 0;            // repetitions by `loop`
  std::int64_t damaged_ = 0;
  bool ended_ = false;
};

}  // namespace freshframe::media
