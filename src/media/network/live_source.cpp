// A video source on the network that survives what networks and cameras do.
// SPDX-License-Identifier: Apache-2.0
#include "media/network/live_source.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <exception>
#include <new>
#include <random>
#include <sstream>
#include <utility>

#include "media/ffmpeg/log.hpp"
#include "media/ffmpeg/options.hpp"
#include "media/live/outage.hpp"
#include "media/masked_url.hpp"

extern "C" {
#include <libavutil/pixdesc.h>
}

namespace freshframe {
namespace {

std::string reason(const std::exception& error) {
  return dynamic_cast<const std::bad_alloc*>(&error) != nullptr ? "not enough memory" : error.what();
}

}  // namespace

LiveSource::LiveSource(std::string url, OpenOptions options)
    : url_(std::move(url)),
      masked_(mask_passwords(url_.text)),
      options_(std::move(options)),
      reconnect_(options_.reconnect.value_or(true)),
      back_off_(std::random_device{}()),
      maker_(wanted_size(options_)) {}

std::string LiveSource::url() const {
  return masked_;
}

VideoInfo LiveSource::info() const {
  const std::lock_guard lock(info_mutex_);
  return info_;
}

void LiveSource::open(const Context& context) {
  packet_ = make_av_packet();
  check_known(options_.options, url());  // whether or not the server is there
  last_packet_ = context.clock.now();
  try {
    connect(context);
  } catch (...) {
    close();  // nobody else does after a failed open()
    throw;
  }
}

/// One attempt. Afterwards there is a connection, or the loss is booked, or `context.stop` was requested.
void LiveSource::connect(const Context& context) {
  seen_key_ = false;
  in_decoder_.clear();
  try {
    connection_ = std::make_unique<LiveConnection>(url_, options_, context, aside_);
  } catch (const UnknownOption& unknown) {
    throw SourceError(unknown.text(), masked_, EINVAL);
  } catch (const SourceError& error) {
    if (context.stop.stop_requested()) return;
    if (!reconnect_) throw;
    lose(context, error.what());
    return;
  } catch (const std::exception& error) {  // this machine has no thread, no memory: that may pass
    if (!reconnect_) throw;
    lose(context, "cannot open '" + masked_ + "': " + reason(error));
    return;
  }
  maker_.set_turn(connection_->input().turn());
  context.counters.source().enter(SourceState::WaitingKeyFrame);
  const std::lock_guard lock(info_mutex_);
  if (!info_known_) info_ = connection_->input().info();
}

void LiveSource::lose(const Context& context, const std::string& why) {
  auto& book = context.counters.source();
  book_loss(book, last_packet_, why);
  connection_.reset();
  lost_ = nullptr;
  timeline_.restart();
  wall_offset_.reset();
  pace_.reset();
  book.set_wall_clock(std::nullopt);
}

void LiveSource::back_off(const Context& context) {
  const auto until = context.clock.now() + to_duration(Seconds(back_off_.next()));
  static_cast<void>(context.clock.sleep_until(until, context.stop));
}

std::optional<SourceItem<Frame>> LiveSource::read(const Context& context) {
  while (!context.stop.stop_requested()) {
    if (!connection_) {
      back_off(context);
      if (!context.stop.stop_requested()) connect(context);
      continue;
    }
    try {
      auto frame = pull(context);
      if (!frame) continue;
      if (auto item = deliver(std::move(frame), context)) return item;
    } catch (const SourceError& error) {
      if (!reconnect_) throw;
      lose(context, error.what());
    } catch (const std::exception& error) {
      if (!reconnect_) throw;
      lose(context, "lost '" + masked_ + "': " + reason(error));
    }
  }
  return std::nullopt;
}

AvFramePtr LiveSource::pull(const Context& context) {
  auto& decoder = connection_->decoder();
  while (!context.stop.stop_requested()) {
    if (!spare_) spare_ = make_av_frame();
    switch (decoder.receive(*spare_)) {
      case Decoder::Result::Frame:
        if (Decoder::is_damaged(*spare_)) context.counters.drop(NodeDropCause::Decode);
        return std::move(spare_);
      case Decoder::Result::Damaged:
        context.counters.drop(NodeDropCause::Decode);
        if (!in_decoder_.empty()) in_decoder_.pop_front();  // it does not say which; most likely the oldest
        break;
      case Decoder::Result::NeedsPacket:
      case Decoder::Result::End:
        if (lost_) std::rethrow_exception(lost_);
        if (!feed(context)) return nullptr;
        break;
    }
  }
  return nullptr;
}

/// Gives the decoder one packet, or the end when the connection is lost. False: stopped.
bool LiveSource::feed(const Context& context) {
  try {
    if (!connection_->next(*packet_, context)) return false;
  } catch (const SourceError&) {
    lost_ = std::current_exception();
    connection_->decoder().finish();
    return true;
  }
  const TimePoint captured = context.clock.now();
  last_packet_ = captured;
  if (const auto wall = LiveConnection::wall_clock(*packet_)) {
    if (const auto time = connection_->input().seconds(packet_->pts)) wall_offset_ = *wall - *time;
  }
  // What comes before the first key frame cannot be decoded: it belongs to joining, nothing is lost.
  seen_key_ = seen_key_ || (packet_->flags & AV_PKT_FLAG_KEY) != 0;
  if (seen_key_) {
    if (connection_->decoder().send(*packet_, captured)) {
      in_decoder_.push_back(captured);
    } else {
      context.counters.drop(NodeDropCause::Decode);
    }
  }
  av_packet_unref(packet_.get());
  return true;
}

/// nullopt: the frame could not be made; that is counted.
std::optional<SourceItem<Frame>> LiveSource::deliver(AvFramePtr frame, const Context& context) {
  auto& book = context.counters.source();
  const TimePoint captured = Decoder::captured_of(*frame);
  const auto time = connection_->input().seconds(frame->best_effort_timestamp);
  const double pts = timeline_.place(time, captured);
  if (wall_offset_ && time) book.set_wall_clock(*wall_offset_ + *time - pts);
  note_delay(captured, context);
  note_size(*frame, context);
  const FirstFrame first{.pixel_format = frame->format, .interlaced = is_interlaced(*frame)};
  auto made = make(std::move(frame), context);
  if (!made) return std::nullopt;
  back_off_.reset();
  book_frame(book, context.clock.now(), "'" + masked_ + "'");
  note_info(*made, first);
  if (connection_->input().is_bursty()) {
    static_cast<void>(context.clock.sleep_until(due(pts, context), context.stop));
  }
  return SourceItem<Frame>{*std::move(made), pts, captured};
}

std::optional<Frame> LiveSource::make(AvFramePtr frame, const Context& context) {
  const FfmpegErrorCapture errors;  // FFmpeg would complain of each frame
  try {
    return maker_.make(std::move(frame));
  } catch (const std::exception& error) {
    if (!reconnect_) throw;
    context.counters.drop(NodeDropCause::Decode);
    if (const auto why = reason(error); why != complaint_) {
      complaint_ = why;
      log(LogLevel::Warning, "'" + masked_ + "': frames are lost: " + why);
    }
    return std::nullopt;
  }
}

void LiveSource::note_delay(TimePoint captured, const Context& context) {
  constexpr std::size_t kMostReordered = 16;  // of H.264 and HEVC; what is older was damaged and never comes
  const auto found = std::find(in_decoder_.begin(), in_decoder_.end(), captured);
  if (found != in_decoder_.end()) in_decoder_.erase(found);
  while (in_decoder_.size() > kMostReordered) in_decoder_.pop_front();
  context.counters.source().set_decoder_delay(static_cast<int>(in_decoder_.size()));
}

void LiveSource::note_size(const AVFrame& frame, const Context& context) {
  const auto before = sizes_.changes_with({frame.width, frame.height});
  if (!before) return;
  context.counters.source().count_size_change();
  std::ostringstream text;
  text << "'" << masked_ << "' changed its size from " << before->width << "x" << before->height << " to "
       << frame.width << "x" << frame.height;
  log(LogLevel::Info, text.str());
}

/// The first frame knows what its server did not say.
void LiveSource::note_info(const Frame& made, const FirstFrame& first) {
  if (info_known_) return;
  info_known_ = true;
  VideoInfo info = connection_->input().info();
  info.width = made.width();
  info.height = made.height();
  const char* name = av_get_pix_fmt_name(static_cast<AVPixelFormat>(first.pixel_format));
  info.interlaced = first.interlaced;
  info.pixel_format = name != nullptr ? name : "";
  const AVRational rate = connection_->decoder().context().framerate;
  if (!info.fps && !connection_->input().is_timeless() && rate.num > 0 && rate.den > 0)
    info.fps = av_q2d(rate);
  const std::lock_guard lock(info_mutex_);
  info_ = info;
}

/// When a frame of a bursty stream is to be shown: at its distance from the first, unless that has become
/// absurd.
TimePoint LiveSource::due(double pts, const Context& context) {
  constexpr double kLate = 1.0;    // seconds: the stream has paused, go on from here
  constexpr double kEarly = 60.0;  // seconds: no playlist is so long
  const auto now = context.clock.now();
  if (pace_) {
    const double ahead = Seconds(pace_->at - now).count() + pts - pace_->pts;
    if (ahead > -kLate && ahead < kEarly) return now + to_duration(Seconds(ahead));
  }
  pace_ = Pace{now, pts};
  return now;
}

void LiveSource::close() {
  connection_.reset();
  aside_.reset();
  spare_.reset();
  packet_.reset();
}

}  // namespace freshframe
