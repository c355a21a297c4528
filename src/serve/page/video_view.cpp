// The order of one view's messages: the start, then each frame with the results that arrived since the
// previous one.
// SPDX-License-Identifier: Apache-2.0
#include "serve/page/video_view.hpp"

#include <algorithm>
#include <vector>

#include "serve/state/sampler.hpp"

namespace freshframe::serve {
namespace {

constexpr double kOldResult = 1;   // seconds; results of older frames are not sent
constexpr double kSamePts = 1e-3;  // seconds

double to_seconds(VideoView::Time time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

std::string names_text(const std::vector<std::string>& names) {
  if (names.empty()) return "no port can be watched";
  std::string text = "there is no such port; the ports are";
  for (const auto& name : names) text += (&name == names.data() ? " '" : ", '") + name + "'";
  return text;
}

}  // namespace

bool VideoView::is_jpeg() const {
  if (port_ == nullptr || wish_.mode == WatchWish::Mode::Video) return false;
  return wish_.mode == WatchWish::Mode::Jpeg || !port_->why_jpeg().empty();
}

VideoSend VideoView::send(const VideoMessageRef& message, unsigned flags) const {
  return {format_video_head(*message, wish_.id, left_out(), flags), message->body, message};
}

void VideoView::acknowledge(double pts, Time now) {
  place_.acknowledge(pts, to_seconds(now));
  if (jpeg_pts_ && pts >= *jpeg_pts_ - kSamePts) jpeg_pts_.reset();
  waits_since_ = jpeg_pts_ || !place_.has_all_acknowledged() ? std::optional(now) : std::nullopt;
}

std::optional<VideoSend> VideoView::next(Time now, const std::vector<std::string>& names) {
  if (port_ == nullptr) {
    if (said_) return std::nullopt;
    return say_once(gone_message("unknown", names_text(names), std::nullopt));
  }
  if (wish_.mode == WatchWish::Mode::Video) {
    if (const auto why = port_->why_jpeg(); !why.empty())
      return said_ ? std::nullopt : say_once(gone_message("no_packets", why, std::nullopt));
  }
  auto message = is_jpeg() ? next_jpeg() : next_video(now);
  const bool waits = jpeg_pts_ || !place_.has_all_acknowledged();
  if (waits && !waits_since_) waits_since_ = now;
  return message;
}

/// Reports each outage once.
std::optional<VideoSend> VideoView::say_once(const VideoMessageRef& gone) {
  if (gone == said_) return std::nullopt;
  said_ = gone;
  return gone ? std::optional(send(gone)) : std::nullopt;
}

std::optional<VideoSend> VideoView::next_video(Time now) {
  if (const auto stream = port_->stream(); stream != stream_ && stream != 0) {
    stream_ = stream;
    place_.begin_at(port_->pictures());
    jpeg_size_.reset();
    return send(port_->start());
  }
  if (const auto result = next_result(place_.sent_pts().value_or(-kOldResult))) return send(result);
  if (stream_ != 0) {
    if (const auto step = place_.next(port_->pictures(), to_seconds(now)))
      return send(step->picture, step->flags);
  }
  return say_once(port_->gone());
}

std::optional<VideoSend> VideoView::next_jpeg() {
  stream_ = 0;
  if (jpeg_) {
    const auto size = jpeg_->frame_size;
    if (!jpeg_size_ || jpeg_size_->width != size.width || jpeg_size_->height != size.height) {
      jpeg_size_ = size;
      return send(port_->make_jpeg_start(size, port_->why_jpeg()));
    }
    const auto picture = std::exchange(jpeg_, nullptr);
    last_jpeg_ = picture->number;
    jpeg_pts_ = shown_pts_ = picture->pts;
    const double captured = port_->unix_time(picture->captured);
    const VideoMessage message{.kind = VideoMessage::Kind::Jpeg,
                               .flags = VideoMessage::kKey,
                               .pts = picture->pts,
                               .captured = captured,
                               .elapsed = unix_now() - captured,
                               .sample_size = picture->jpeg.size()};
    return VideoSend{format_video_head(message, wish_.id, left_out(), 0), picture->jpeg, picture};
  }
  if (shown_pts_) {
    if (const auto result = next_result(*shown_pts_)) return send(result);
  }
  return say_once(port_->gone());
}

/// The next result that belongs to a frame up to `sent`, or null.
VideoMessageRef VideoView::next_result(double sent) {
  next_result_ = std::max(next_result_, port_->results_begin());
  while (next_result_ < port_->results_end()) {
    const auto& result = port_->result(next_result_);
    if (result->pts > sent + kSamePts) return nullptr;
    ++next_result_;
    if (result->pts >= sent - kOldResult) return result;
  }
  return nullptr;
}

}  // namespace freshframe::serve
