// A video source on the network that reconnects after outages.
// SPDX-License-Identifier: Apache-2.0
#include "media/network/live_source.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <cstddef>
#include <exception>
#include <utility>

#include "media/ffmpeg/options.hpp"
#include "media/masked_url.hpp"
#include "media/network/connection.hpp"

extern "C" {
#include <libavutil/pixdesc.h>
}

namespace freshframe::media {
LiveSource::LiveSource(std::string url, OpenOptions options)
    : ReconnectingSource("'" + mask_passwords(LiveUrl(url).text) + "'", options.reconnect.value_or(true)),
      url_(std::move(url)),
      masked_(mask_passwords(url_.text)),
      options_(std::move(options)),
      gate_(core::gate_of_thread()),
      maker_(wanted_size(options_)) {}

std::string LiveSource::url() const {
  return masked_;
}

void LiveSource::open(const Context& context) {
  packet_ = make_av_packet();
  check_known(options_.options, url());  // whether or not the server is there
  ReconnectingSource::open(context);
}

void LiveSource::connect(const Context& context) {
  seen_key_ = false;
  in_decoder_.clear();
  connection_ = std::make_unique<LiveConnection>(url_, options_, context, aside_, gate_);
  maker_.set_turn(connection_->turn());
  context.counters.source().enter(SourceState::WaitingKeyFrame);
  // Otherwise no frame was decoded yet: the first one tells.
  if (!info_known_ && !connection_->info().pixel_format.empty()) {
    set_info(connection_->info());
  }
}

void LiveSource::disconnect() {
  connection_.reset();
  lost_ = nullptr;
  timeline_.restart();
  wall_offset_.reset();
  pace_.reset();
}

std::optional<SourceItem<Frame>> LiveSource::next(const Context& context) {
  auto frame = pull(context);
  return frame ? deliver(std::move(frame), context) : std::nullopt;
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
        if (!in_decoder_.empty()) in_decoder_.pop_front();  // not known which; most likely the oldest
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
  std::optional<PacketNotes> notes;
  try {
    notes = connection_->next(*packet_, context);
  } catch (const SourceError&) {
    lost_ = std::current_exception();
    connection_->decoder().finish();
    return true;
  }
  if (!notes) return false;
  note_packet(notes->arrived);
  if (notes->wall_clock) {
    if (const auto time = connection_->seconds(packet_->pts)) wall_offset_ = *notes->wall_clock - *time;
  }
  // Packets before the first key frame cannot be decoded: they belong to the start and are not losses.
  seen_key_ = seen_key_ || notes->can_begin;
  if (seen_key_) {
    if (connection_->decoder().send(*packet_, notes->arrived)) {
      in_decoder_.push_back(notes->arrived);
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
  const auto time = connection_->seconds(frame->best_effort_timestamp);
  const double pts = timeline_.place(time, captured);
  if (wall_offset_ && time) book.set_wall_clock(*wall_offset_ + *time - pts);
  note_delay(captured, context);
  note_size({frame->width, frame->height}, context);
  const FirstFrame first{.pixel_format = frame->format, .interlaced = is_interlaced(*frame)};
  auto made = make(maker_, std::move(frame), context);
  if (!made) return std::nullopt;
  note_frame(context);
  note_info(*made, first);
  if (connection_->is_bursty()) {
    static_cast<void>(context.clock.sleep_until(due(pts, context), context.stop));
  }
  return SourceItem<Frame>{*std::move(made), pts, captured};
}

void LiveSource::note_delay(TimePoint captured, const Context& context) {
  constexpr std::size_t kMostReordered = 16;  // of H.264 and HEVC; older ones were damaged and never arrive
  const auto found = std::find(in_decoder_.begin(), in_decoder_.end(), captured);
  if (found != in_decoder_.end()) in_decoder_.erase(found);
  while (in_decoder_.size() > kMostReordered) in_decoder_.pop_front();
  context.counters.source().set_decoder_delay(static_cast<int>(in_decoder_.size()));
}

/// The first frame has the properties that the server did not send.
void LiveSource::note_info(const Frame& made, const FirstFrame& first) {
  if (info_known_) return;
  info_known_ = true;
  VideoInfo info = connection_->info();
  info.width = made.width();
  info.height = made.height();
  const char* name = av_get_pix_fmt_name(static_cast<AVPixelFormat>(first.pixel_format));
  info.interlaced = first.interlaced;
  info.pixel_format = name != nullptr ? name : "";
  const AVRational rate = connection_->decoder().context().framerate;
  if (!info.fps && !connection_->is_timeless() && rate.num > 0 && rate.den > 0) info.fps = av_q2d(rate);
  set_info(std::move(info));
}

/// The due time of a frame of a bursty stream: at its distance from the first, unless that is implausible.
TimePoint LiveSource::due(double pts, const Context& context) {
  constexpr double kLate = 1.0;    // seconds: the stream has paused, continue from here
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
  ReconnectingSource::close();
  aside_.reset();
  spare_.reset();
  packet_.reset();
}

}  // namespace freshframe::media
