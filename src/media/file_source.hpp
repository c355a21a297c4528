// Decodes a local video file or picture.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "media/decoder.hpp"
#include "media/demuxer.hpp"
#include "media/frame_maker.hpp"
#include "media/timeline.hpp"

namespace freshframe {

/// Lossless by default: as fast as it is read. With `realtime` it is a camera: the packets come at the file's
/// own pace, whether anybody is ready or not.
class FileSource final : public VideoSource {
 public:
  FileSource(std::string url, OpenOptions options);

  [[nodiscard]] std::string url() const override;
  [[nodiscard]] VideoInfo info() const override { return info_; }
  [[nodiscard]] bool live() const noexcept override { return options_.realtime; }
  [[nodiscard]] std::optional<std::int64_t> total() const override;

  /// Also decodes the first frame: a file of which nothing can be decoded fails here.
  void open(const Context& context) override;
  std::optional<SourceItem<Frame>> read(const Context& context) override;
  void close() override;

 private:
  void open_parts(const Context& context);
  void describe(const AVFrame& first);
  /// The next decoded frame; null at the end and at a stop.
  [[nodiscard]] AvFramePtr pull(const Context& context);
  [[nodiscard]] bool feed(const Context& context);
  [[nodiscard]] bool wait_for_packet(const AVPacket& packet, const Context& context);
  [[nodiscard]] bool start_again(const Context& context);
  void count_damage(const Context& context);
  void count_cut_off(const Context& context);
  [[nodiscard]] std::optional<double> seconds(std::int64_t ticks) const;

  std::string url_;
  OpenOptions options_;
  VideoInfo info_;
  std::optional<Demuxer> demuxer_;
  std::optional<Decoder> decoder_;
  FrameMaker maker_;
  SizeWatch sizes_;
  std::optional<Timeline> frame_times_;
  std::optional<Timeline> packet_times_;  // realtime: when each packet is due
  AvPacketPtr packet_;
  AvFramePtr spare_;                        // for the next receive()
  AvFramePtr first_;                        // decoded by open()
  std::optional<TimePoint> open_deadline_;  // real time, only while open() looks for the first frame
  std::optional<TimePoint> started_;        // first read()
  TimePoint read_at_{};                     // when the packet in hand was read
  std::optional<double> first_due_;         // realtime: packet time that lies at started_
  std::int64_t frames_in_pass_ = 0;         // since open() or the last loop
  std::int64_t passes_ = 0;                 // how often `loop` started again
  std::int64_t damaged_ = 0;
  bool ended_ = false;
};

}  // namespace freshframe
