// A video source on the network that survives what networks and cameras do.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "media/ffmpeg/frame_maker.hpp"
#include "media/live/back_off.hpp"
#include "media/network/connection.hpp"
#include "media/network/detached_call.hpp"
#include "media/network/live_timeline.hpp"
#include "media/network/url.hpp"

namespace freshframe {

/// States and what ends them are pictured in docs/live-sources.md. open() tries once; what it cannot open
/// read() goes on trying. All but url() and info() on one thread.
class LiveSource final : public VideoSource {
 public:
  LiveSource(std::string url, OpenOptions options);

  [[nodiscard]] std::string url() const override;
  [[nodiscard]] VideoInfo info() const override;
  [[nodiscard]] bool live() const noexcept override { return true; }

  void open(const Context& context) override;
  std::optional<SourceItem<Frame>> read(const Context& context) override;
  void close() override;

 private:
  /// What only the decoder's frame tells.
  struct FirstFrame {
    int pixel_format = -1;
    bool interlaced = false;
  };

  void connect(const Context& context);
  void back_off(const Context& context);
  void lose(const Context& context, const std::string& why);
  /// The next decoded frame; null after a stop.
  [[nodiscard]] AvFramePtr pull(const Context& context);
  [[nodiscard]] bool feed(const Context& context);
  [[nodiscard]] std::optional<SourceItem<Frame>> deliver(AvFramePtr frame, const Context& context);
  [[nodiscard]] std::optional<Frame> make(AvFramePtr frame, const Context& context);
  void note_delay(TimePoint captured, const Context& context);
  void note_size(const AVFrame& frame, const Context& context);
  void note_info(const Frame& made, const FirstFrame& first);
  [[nodiscard]] TimePoint due(double pts, const Context& context);

  const LiveUrl url_;
  const std::string masked_;  // for messages
  const OpenOptions options_;
  const bool reconnect_;
  mutable std::mutex info_mutex_;
  VideoInfo info_;                     // guarded by info_mutex_
  bool info_known_ = false;            // of a first frame
  std::optional<DetachedCall> aside_;  // the call of connection_ that may be left behind, which outlives it
  std::unique_ptr<LiveConnection> connection_;
  std::exception_ptr lost_;  // why connection_ gives no more: thrown after the frames that the decoder holds
  BackOff back_off_;
  FrameMaker maker_;
  std::string complaint_;  // why frames could not be made
  LiveTimeline timeline_;
  AvPacketPtr packet_;
  AvFramePtr spare_;                  // for the next receive()
  std::deque<TimePoint> in_decoder_;  // arrivals of the packets whose frames have not come yet
  bool seen_key_ = false;             // on this connection
  TimePoint last_packet_{};           // or when the first attempt began
  SizeWatch sizes_;
  std::optional<double> wall_offset_;  // Unix time of the stream's time 0
  struct Pace {
    TimePoint at;
    double pts = 0;
  };
  std::optional<Pace> pace_;  // of a bursty stream: this pts is due at that time
};

}  // namespace freshframe
