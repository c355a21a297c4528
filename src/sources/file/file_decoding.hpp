// Reads and decodes a file from its beginning to its end: frames, with their times in the file.
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

/// One thread. open() comes first.
class FileDecoding {
 public:
  /// Both outlive it.
  FileDecoding(const SourceUrl& url, const OpenOptions& options);

  /// Opens the file, also again, at its beginning. `path`: of a local file. Throws SourceError.
  void open(const std::string& path, const Context& context);
  void open_again(const Context& context);
  /// Goes to the beginning of the open file. Returns false if only open_again() can.
  [[nodiscard]] bool rewind();
  void close();

  /// Returns the next decoded frame, or null at the end of the file and at a stop.
  [[nodiscard]] AvFramePtr pull(const Context& context);
  /// The time of a frame in the file, in seconds. Call it once for each frame, in their order.
  [[nodiscard]] double place(const AVFrame& frame);
  /// The same without the frames around it; nullopt if it has none.
  [[nodiscard]] std::optional<double> find_time(const AVFrame& frame);
  [[nodiscard]] std::optional<double> seconds(std::int64_t ticks) const;
  /// Seconds for which the last frame of the file, at `time`, is shown: until the container ends, else for `ticks`, but at
  /// least one step, because some programs write no true duration of the last frame.
  [[nodiscard]] double shown_for(std::int64_t time, std::int64_t ticks) const;
  [[nodiscard]] double shown_for(const AVFrame& frame) const;
  /// Decodes these packets before the demuxer's next.
  void decode_first(std::deque<AvPacketPtr> packets) { read_ahead_ = std::move(packets); }
  /// Begins the time within which the next frame has to come: `open_timeout`.
  void start_deadline();
  /// A repetition begins.
  void repeat() noexcept {
    is_first_pass_ = false;
    counts_.repeat();
  }

  [[nodiscard]] Demuxer& demuxer() noexcept { return *demuxer_; }
  [[nodiscard]] const Demuxer& demuxer() const noexcept { return *demuxer_; }
  /// Does the work of Decoder::card_failure().
  [[nodiscard]] std::string card_failure() const { return decoder_->card_failure(); }
  [[nodiscard]] FrameCounts& counts() noexcept { return counts_; }
  /// Makes its frames upright.
  [[nodiscard]] Turn turn() const noexcept { return turn_; }
  /// Seconds between two frames where the stream does not contain it.
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
  std::shared_ptr<Card> card_;  // Note [One context]; null without a wish for a card, or without one
  std::optional<Decoder> decoder_;
  Turn turn_;
  double step_ = 1 / kDefaultFps;
  std::optional<Timeline> times_;  // in the file, since begin_pass()
  AvPacketPtr packet_;
  AvPacketPtr without_image_;              // goes to the decoder with the next packet
  std::deque<AvPacketPtr> read_ahead_;     // packets to decode before the demuxer's next
  AvFramePtr spare_;                       // for the next receive()
  std::exception_ptr lost_;                // the error of reading, thrown after the decoder's last frames
  std::optional<TimePoint> deadline_;      // real time, of start_deadline()
  std::optional<std::int64_t> first_dts_;  // time of the first packet since begin_pass()
  std::optional<std::int64_t> delay_;      // ticks that the decoder is late, if packets have no pts
  std::optional<bool> interlaced_;         // the first frame
  bool is_first_pass_ = true;
  FrameCounts counts_;
  std::optional<FieldPackets> fields_;  // where packets are counted and may be fields
};

}  // namespace freshframe::media
