// One view of a page: chooses the next message of its port to send.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "serve/desk/picture_hub.hpp"
#include "serve/video/video_port.hpp"

namespace freshframe::serve {

/// A message to send: head, body, and the owner of the body.
struct VideoSend {
  std::string head;
  std::string_view body;
  std::shared_ptr<const void> keep;
};

/// Used on the network thread.
class VideoView {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// `port`: null if no port has this name. `index`: its index in the hub. `round_trip`: see VideoCursor.
  VideoView(WatchWish wish, VideoPort* port, std::size_t index, std::chrono::duration<double> round_trip)
      : wish_(std::move(wish)),
        port_(port),
        index_(index),
        place_(round_trip.count()),
        next_result_(port != nullptr ? port->results_begin() : 0) {}

  [[nodiscard]] const WatchWish& wish() const noexcept { return wish_; }
  void set_width(int width) noexcept { wish_.width = width; }
  [[nodiscard]] VideoPort* port() const noexcept { return port_; }
  [[nodiscard]] std::size_t index() const noexcept { return index_; }
  /// Returns true if it shows JPEGs from the hub.
  [[nodiscard]] bool is_jpeg() const;
  /// Returns true if it would accept a JPEG now.
  [[nodiscard]] bool wants_jpeg() const { return is_jpeg() && !jpeg_ && !jpeg_pts_; }
  [[nodiscard]] std::uint64_t last_jpeg() const noexcept { return last_jpeg_; }
  void show(const LivePictureRef& picture) { jpeg_ = picture; }
  void acknowledge(double pts, Time now);
  /// The next message, or nullopt if there is none to send now. `names`: of all ports, for the error message
  /// of a view without a port.
  [[nodiscard]] std::optional<VideoSend> next(Time now, const std::vector<std::string>& names);
  /// Time of the oldest message without acknowledgement; nullopt if all are acknowledged.
  [[nodiscard]] std::optional<Time> waits_since() const noexcept { return waits_since_; }
  [[nodiscard]] std::uint64_t left_out() const {
    return port_ != nullptr ? place_.left_out(port_->pictures()) : 0;
  }

 private:
  [[nodiscard]] VideoSend send(const VideoMessageRef& message, unsigned flags = 0) const;
  [[nodiscard]] std::optional<VideoSend> next_video(Time now);
  [[nodiscard]] std::optional<VideoSend> next_jpeg();
  [[nodiscard]] VideoMessageRef next_result(double sent);
  [[nodiscard]] std::optional<VideoSend> say_once(const VideoMessageRef& gone);

  WatchWish wish_;
  VideoPort* port_;
  std::size_t index_;
  std::uint64_t stream_ = 0;  // stream whose start message was sent, or 0
  VideoCursor place_;
  std::uint64_t next_result_;
  VideoMessageRef said_;                  // the last "no video" message that was sent
  LivePictureRef jpeg_;                   // to be sent
  std::optional<double> jpeg_pts_;        // pts of the JPEG that was sent and is not acknowledged
  std::optional<double> shown_pts_;       // pts of the last JPEG that was sent
  std::optional<PictureSize> jpeg_size_;  // size in the start message that was sent
  std::uint64_t last_jpeg_ = 0;
  std::optional<Time> waits_since_;
};

}  // namespace freshframe::serve
