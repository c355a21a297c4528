// A V4L2 camera as a source: counts and decodes frames, detects stalls, and reconnects after unplugging.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/camera.hpp"
#include "freshframe/media.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "core/stop_event.hpp"
#include "media/ffmpeg/read/decoder.hpp"
#include "media/ffmpeg/read/frame_maker.hpp"
#include "sources/camera/camera_finder.hpp"
#include "sources/camera/capture.hpp"
#include "sources/camera/controls.hpp"
#include "sources/camera/options.hpp"
#include "sources/live/reconnecting_source.hpp"
#include "sources/still/still_watch.hpp"

namespace freshframe::media {

class V4l2Source final : public ReconnectingSource, public CameraSettings {
 public:
  V4l2Source(std::string path, V4l2Options options, V4l2System& system = V4l2System::kernel());

  [[nodiscard]] std::string url() const override { return path_; }

  void open(const Context& context) override;
  void close() override;

  void set_setting(const std::string& name, const std::string& value) override { controls_.set(name, value); }
  [[nodiscard]] std::string setting(const std::string& name) const override { return controls_.get(name); }
  [[nodiscard]] std::vector<CameraControl> controls() const override { return controls_.all(); }

 protected:
  void connect(const Context& context) override;
  std::optional<SourceItem<Frame>> next(const Context& context) override;
  void disconnect() override;

 private:
  /// What is known of a frame before it is decoded.
  struct PictureTimes {
    std::int64_t seq = 0;
    double pts = 0;
    TimePoint captured{};
    bool stamped = false;  // the device has timestamped the frame; otherwise the arrival time is used
  };

  void make_decoder();
  void describe();
  void show_settings(const Context& context);
  /// Returns false after a stop.
  [[nodiscard]] bool wait_for_buffer(const Context& context);
  [[nodiscard]] std::optional<SourceItem<Frame>> use_buffer(const Context& context);
  [[nodiscard]] PictureTimes arrive(const V4l2Capture::Buffer& buffer, const Context& context);
  void send(const PictureTimes& arrival, const Context& context);
  [[nodiscard]] std::optional<SourceItem<Frame>> decode_picture(const Context& context);
  [[nodiscard]] SourceItem<Frame> deliver(Frame frame, const PictureTimes& arrival, const Context& context);

  std::string path_;
  V4l2Options options_;
  V4l2System& system_;
  CameraFinder place_;
  CameraControls controls_;
  StillWatch still_;
  std::optional<core::StopEvent> stop_;  // exists from open() to close()
  std::optional<V4l2Capture> capture_;
  std::optional<Decoder> decoder_;  // for compressed formats; lives as long as capture_
  FrameMaker maker_;
  AvPacketPtr packet_;
  AvFramePtr spare_;
  std::deque<PictureTimes> in_decoder_;

  TimePoint began_{};        // start of this connection
  TimePoint quiet_since_{};  // arrival of this connection's last packet; its start before the first
  bool delivering_ = false;  // this connection has delivered a frame
  bool seen_key_ = false;    // earlier packets cannot be decoded
  std::int64_t next_seq_ = 0;
  // number of the last frame of this connection, from the driver
  std::optional<std::uint32_t> last_sequence_;
  std::optional<TimePoint> first_time_;  // pts 0
  double last_pts_ = 0;
};

}  // namespace freshframe::media
