// A video source on the network that reconnects after outages.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <string>

#include "core/session_gate.hpp"
#include "media/ffmpeg/read/frame_maker.hpp"
#include "media/live/reconnecting_source.hpp"
#include "media/network/detached_call.hpp"
#include "media/network/live_timeline.hpp"
#include "media/network/packet_connection.hpp"
#include "media/network/url.hpp"

namespace freshframe::media {

class LiveSource final : public ReconnectingSource {
 public:
  LiveSource(std::string url, OpenOptions options);

  [[nodiscard]] std::string url() const override;

  void open(const Context& context) override;
  void close() override;

 protected:
  void connect(const Context& context) override;
  std::optional<SourceItem<Frame>> next(const Context& context) override;
  void disconnect() override;

 private:
  /// The properties that only a decoded frame has.
  struct FirstFrame {
    int pixel_format = -1;
    bool interlaced = false;
  };

  /// The next decoded frame; null after a stop.
  [[nodiscard]] AvFramePtr pull(const Context& context);
  [[nodiscard]] bool feed(const Context& context);
  [[nodiscard]] std::optional<SourceItem<Frame>> deliver(AvFramePtr frame, const Context& context);
  void note_delay(TimePoint captured, const Context& context);
  void note_info(const Frame& made, const FirstFrame& first);
  [[nodiscard]] TimePoint due(double pts, const Context& context);

  const LiveUrl url_;
  const std::string masked_;  // for messages
  const OpenOptions options_;
  const std::shared_ptr<core::SessionGate> gate_;  // of the thread that made it
  bool info_known_ = false;                        // of a first frame
  std::optional<DetachedCall> aside_;  // the call of connection_ that may be left behind, which outlives it
  std::unique_ptr<PacketConnection> connection_;
  std::exception_ptr lost_;  // the error of connection_, thrown after the decoder's last frames
  FrameMaker maker_;
  LiveTimeline timeline_;
  AvPacketPtr packet_;
  AvFramePtr spare_;                   // for the next receive()
  std::deque<TimePoint> in_decoder_;   // arrivals of the packets whose frames the decoder still holds
  bool seen_key_ = false;              // on this connection
  std::optional<double> wall_offset_;  // Unix time of the stream's time 0
  struct Pace {
    TimePoint at;
    double pts = 0;
  };
  std::optional<Pace> pace_;  // of a bursty stream: this pts is due at that time
};

}  // namespace freshframe::media
