// Reads and decodes a file from start to end: its frames and their timestamps.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "media/device/card.hpp"
#include "media/ffmpeg/read/decoder.hpp"
#include "media/ffmpeg/read/upright.hpp"
#include "media/url/source_url.hpp"
#include "sources/file/demuxer.hpp"
#include "sources/file/field_packets.hpp"
#include "sources/file/frame_counts.hpp"
#include "sources/file/timeline.hpp"

namespace freshframe::media {

/// Not thread-safe. Call open() first.
class FileDecoding {
 public:
  /// Both must outlive this object.
  FileDecoding(const SourceUrl& url, const OpenOptions& options);

  /// Opens or reopens the file at its start. `path`: of a local file. Throws SourceError.
  void open(const std::string& path, const Context& context);
  void open_again(const Context& context);
  /// Seeks to the start of the open file. Returns false if open_again() is needed.
  [[nodiscard]] bool rewind();
  void close();

  /// Returns the next frame, or null at the end of the file and after a stop.
  [[nodiscard]] AvFramePtr pull(const Context& context);
  /// Returns a frame's time in the file, in seconds. Call once per frame, in order.
  [[nodiscard]] double place(const AVFrame& frame);
  /// Like place(), but independent of other frames. Returns nullopt if the frame has no timestamp.
  [[nodiscard]] std::optional<double> find_time(const AVFrame& frame);
  [[nodiscard]] std::optional<double> seconds(std::int64_t ticks) const;
  /// Seconds for which the last frame of the file is shown: from `time` to the container's end, otherwise
  /// `ticks`. At least one step, because some programs write a wrong duration for the last frame.
  [[nodiscard]] double shown_for(std::int64_t time, std::int64_t ticks) const;
  [[nodiscard]] double shown_for(const AVFrame& frame) const;
  /// Decodes these packets before reading more.
  void decode_first(std::deque<AvPacketPtr> packets) { read_ahead_ = std::move(packets); }
  /// Starts the time limit for the next frame, `open_timeout`.
  void start_deadline();
  /// Call when a repetition starts.
  void repeat() noexcept {
    is_first_pass_ = false;
    counts_.repeat();
  }

  [[nodiscard]] Demuxer& demuxer() noexcept { return *demuxer_; }
  [[nodiscard]] const Demuxer& demuxer() const noexcept { return *demuxer_; }
  /// See Decoder::card_failure().
  [[nodiscard]] std::string card_failure() const { return decoder_->card_failure(); }
  [[nodiscard]] FrameCounts& counts() noexcept { return counts_; }
  /// The rotation that makes the frames upright.
  [[nodiscard]] Turn turn() const noexcept { return turn_; }
  /// Seconds between frames, if the stream does not say.
  [[nodiscard]] double step() const noexcept { return step_; }

 private:
  [[nodiscard]] bool is_remote() const noexcept { return url_.kind == UrlKind::Live; }
  [[nodiscard]] Dictionary reader_options() const;
  void choose_card();
  void open_decoder(Dictionary& options);
  void count_on_card();
  void begin_pass();
  [[nodiscard]] Decoder::Result receive(const Context& context);
  [[nodiscard]] bool feed(const Context& context);
  [[nodiscard]] Demuxer::Result next_packet();
  void send(const Context& context);
  void keep_for_next();
  [[nodiscard]] bool has_packet_for_each_frame() const;
  void count_cut_off(const Context& context) const;
  void finish(const Context& context);

  const SourceUrl& url_;
  const OpenOptions& options_;
  std::string path_;
  std::optional<Demuxer> demuxer_;
  std::shared_ptr<Card> card_;  // Note [One context]; null if no GPU is requested or available
  std::optional<Decoder> decoder_;
  Turn turn_;
  double step_ = 1 / kDefaultFps;
  std::optional<Timeline> times_;  // since begin_pass()
  AvPacketPtr packet_;
  AvPacketPtr without_image_;              // sent to the decoder together with the next packet
  std::deque<AvPacketPtr> read_ahead_;     // to be decoded before reading more
  AvFramePtr spare_;                       // reused by the next receive()
  std::exception_ptr lost_;                // error from reading, thrown after the decoder's last frames
  std::optional<TimePoint> deadline_;      // real time, set by start_deadline()
  std::optional<std::int64_t> first_dts_;  // dts of the first packet since begin_pass()
  std::optional<std::int64_t> delay_;      // the decoder's delay in ticks, if packets have no pts
  std::optional<bool> interlaced_;         // the first frame
  bool is_first_pass_ = true;
  FrameCounts counts_;
  std::optional<FieldPackets> fields_;  // set if packets are counted and may be fields
};

}  // namespace freshframe::media
