// A V4L2 camera as a source: counts and decodes frames, detects stalls, and reconnects after unplugging.
// SPDX-License-Identifier: Apache-2.0
#include "sources/camera/v4l2_source.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <sstream>
#include <utility>

#include "media/ffmpeg/log.hpp"
#include "media/ffmpeg/options.hpp"
#include "media/stream/reconnect.hpp"
#include "sources/live/device_time.hpp"
#include <linux/videodev2.h>

namespace freshframe::media {
namespace {

/// Bounds the frames in a decoder, because some hold back frames that they never return.
constexpr std::size_t kMostInDecoder = 64;

/// Returns true if a decoder can start at this frame, for H.264 in byte stream format (ITU-T H.264, annex B).
/// NAL units before the slice include the sequence parameter set (7), which cameras repeat with each
/// keyframe.
bool begins_with_key(std::span<const std::uint8_t> bytes) {
  constexpr int kPicture = 1;
  constexpr int kKeyPicture = 5;
  constexpr int kParameters = 7;
  for (std::size_t i = 0; i + 3 < bytes.size(); ++i) {
    if (bytes[i] != 0 || bytes[i + 1] != 0 || bytes[i + 2] != 1) continue;
    const int kind = bytes[i + 3] & 0x1F;
    if (kind == kKeyPicture || kind == kParameters) return true;
    if (kind == kPicture) return false;
  }
  return false;
}

CodecParametersPtr codec_parameters(const V4l2Picture& picture) {
  CodecParametersPtr parameters(avcodec_parameters_alloc());
  if (!parameters) throw std::bad_alloc();
  const auto* codec =
      avcodec_descriptor_get_by_name(std::string(readable_format(picture.code)->codec).c_str());
  parameters->codec_type = AVMEDIA_TYPE_VIDEO;
  parameters->codec_id = codec != nullptr ? codec->id : AV_CODEC_ID_NONE;
  parameters->width = picture.width;
  parameters->height = picture.height;
  return parameters;
}

}  // namespace

V4l2Source::V4l2Source(std::string path, V4l2Options options, V4l2System& system)
    : ReconnectingSource("camera '" + path + "'", options.reconnect, {.settings = this}),
      path_(std::move(path)),
      options_(std::move(options)),
      system_(system),
      place_(path_, system),
      controls_(place_, options_.settings, system),
      still_(title(), options_.frozen_after),
      maker_(std::nullopt, options_.quarters) {}

void V4l2Source::open(const Context& context) {
  stop_.emplace(context.stop);
  ReconnectingSource::open(context);
}

void V4l2Source::close() {
  ReconnectingSource::close();
  stop_.reset();
}

void V4l2Source::disconnect() {
  decoder_.reset();
  capture_.reset();
}

void V4l2Source::connect(const Context& context) {
  began_ = context.clock.now();
  place_.find();
  capture_.emplace(system_, place_, options_.wish, options_.buffers, controls_);
  const bool compressed = readable_format(capture_->picture().code)->compressed;
  if (compressed) make_decoder();
  describe();
  show_settings(context);
  quiet_since_ = context.clock.now();
  last_sequence_.reset();
  delivering_ = false;
  seen_key_ = capture_->picture().code != V4L2_PIX_FMT_H264;
  context.counters.source().enter(seen_key_ ? SourceState::Reading : SourceState::WaitingKeyframe);
}

void V4l2Source::make_decoder() {
  Dictionary options(options_.decoder);
  const auto parameters = codec_parameters(capture_->picture());
  const FfmpegErrorCapture errors;
  try {
    constexpr AVRational kAnyUnit{1, 1};  // frame numbers serve as timestamps
    decoder_.emplace(*parameters, kAnyUnit,
                     DecoderSettings{.threads = options_.decoder_threads, .low_delay = true}, options);
  } catch (const SourceError&) {
    throw;
  } catch (const Error& error) {
    throw SourceRefused("cannot open camera '" + path_ + "': " + error.what() + errors.in_brackets(), path_,
                        EINVAL);
  }
  if (const auto unknown = options.leftovers(); !unknown.empty()) {
    throw SourceRefused("cannot open camera '" + path_ + "': neither the camera reader nor FFmpeg's " +
                            decoder_->context().codec->name + " decoder has an option " + unknown,
                        path_, EINVAL);
  }
  packet_ = make_av_packet();
  in_decoder_.clear();
}

void V4l2Source::describe() {
  const auto& picture = capture_->picture();
  const auto& format = *readable_format(picture.code);
  if (!format.compressed && !options_.decoder.empty()) {
    throw SourceRefused("cannot open camera '" + path_ + "': " + std::string(format.name) +
                            " frames need no decoder, and the camera reader has no option '" +
                            options_.decoder.begin()->first +
                            "'; its options are format, buffers, exposure, gain, focus and white_balance",
                        path_, EINVAL);
  }
  VideoInfo info;
  info.codec = format.codec;
  const auto size = maker_.compute_size(FrameSize{picture.width, picture.height});
  info.width = size.width;
  info.height = size.height;
  info.fps = capture_->fps();
  info.pixel_format = format.pixel_format;
  info.container = "v4l2";
  set_info(std::move(info));
}

void V4l2Source::show_settings(const Context& context) {
  if (controls_.take_change()) controls_.show(context.counters.source());
}

std::optional<SourceItem<Frame>> V4l2Source::next(const Context& context) {
  while (true) {
    if (decoder_) {
      if (auto item = decode_picture(context)) return item;
    }
    if (!wait_for_buffer(context)) return std::nullopt;
    auto item = use_buffer(context);
    capture_->give_back();
    if (item) return item;
  }
}

bool V4l2Source::wait_for_buffer(const Context& context) {
  show_settings(context);
  auto& book = context.counters.source();
  const Seconds limit(delivering_ ? options_.read_timeout
                                  : std::max(options_.read_timeout, options_.open_timeout));
  const auto deadline = quiet_since_ + to_duration(limit);
  const auto fps = capture_->fps();
  const Seconds quiet(quiet_limit(fps ? 1 / *fps : 0, limit.count()));
  auto result = capture_->wait(context.clock, quiet_since_ + to_duration(quiet), *stop_);
  if (result == V4l2Capture::Result::Timeout) {
    book.stall();
    result = capture_->wait(context.clock, deadline, *stop_);
  }
  if (result == V4l2Capture::Result::Timeout) {
    std::ostringstream text;
    text << "camera '" << path_ << "' has delivered nothing for " << limit.count() << " s";
    throw SourceTimeoutError(text.str(), path_, ETIMEDOUT);
  }
  if (result == V4l2Capture::Result::Stopped) return false;
  book.flow();
  return true;
}

std::optional<SourceItem<Frame>> V4l2Source::use_buffer(const Context& context) {
  const auto& buffer = capture_->buffer();
  const auto arrival = arrive(buffer, context);
  if (buffer.damaged) {
    context.counters.drop(NodeDropCause::Decode);
    return std::nullopt;
  }
  if (decoder_) {
    // Packets before the first keyframe belong to the start and do not count as losses.
    seen_key_ = seen_key_ || begins_with_key(buffer.bytes);
    if (seen_key_) send(arrival, context);
    return std::nullopt;
  }
  auto frame = turned(raw_frame(capture_->picture(), buffer.bytes), maker_.orientation().total());
  return deliver(std::move(frame), arrival, context);
}

/// Counts a frame, and the frames that the driver lost before it.
V4l2Source::PictureTimes V4l2Source::arrive(const V4l2Capture::Buffer& buffer, const Context& context) {
  const auto now = context.clock.now();
  quiet_since_ = now;
  note_packet(now);
  if (last_sequence_) {
    // Unsigned, because the driver's counter wraps. If it stops or jumps back, it gives no information.
    const std::uint32_t step = buffer.sequence - *last_sequence_;
    constexpr std::uint32_t kBackwards = 1U << 31;
    if (step > 1 && step < kBackwards) {
      context.counters.drop(NodeDropCause::Device, step - 1);
      next_seq_ += step - 1;
    }
  }
  last_sequence_ = buffer.sequence;
  // Wall-clock timestamps, or those of another machine, cannot be used. Some drivers stamp a frame or two
  // ahead.
  constexpr std::chrono::seconds kTolerance(1);
  const auto taken = buffer.timestamp.value_or(now);
  const bool usable = taken >= began_ - kTolerance && taken <= now + kTolerance;
  const auto time = usable ? taken : now;
  if (!first_time_) first_time_ = time;
  last_pts_ = std::max(last_pts_, Seconds(time - *first_time_).count());
  return {next_seq_++, last_pts_, std::min(time, now), usable && buffer.timestamp};
}

void V4l2Source::send(const PictureTimes& arrival, const Context& context) {
  const auto bytes = capture_->buffer().bytes;
  // The packet does not own the data, so the decoder copies it, adding the required padding.
  packet_->data = const_cast<std::uint8_t*>(bytes.data());
  packet_->size = static_cast<int>(bytes.size());
  packet_->pts = packet_->dts = arrival.seq;
  if (decoder_->send(*packet_, arrival.captured)) {
    in_decoder_.push_back(arrival);
    if (in_decoder_.size() > kMostInDecoder) in_decoder_.pop_front();
  } else {
    context.counters.drop(NodeDropCause::Decode);
  }
  av_packet_unref(packet_.get());
}

std::optional<SourceItem<Frame>> V4l2Source::decode_picture(const Context& context) {
  while (true) {
    if (!spare_) spare_ = make_av_frame();
    switch (decoder_->receive(*spare_)) {
      case Decoder::Result::Frame:
        break;
      case Decoder::Result::Damaged:
        context.counters.drop(NodeDropCause::Decode);
        continue;
      case Decoder::Result::NeedsPacket:
      case Decoder::Result::End:
        return std::nullopt;
    }
    if (decoder_->is_damaged(*spare_)) context.counters.drop(NodeDropCause::Decode);
    const auto seq = spare_->pts;
    const bool leaves_out = leaves_frames_out(options_.decoder);
    while (in_decoder_.size() > 1 && in_decoder_.front().seq < seq) {
      in_decoder_.pop_front();
      if (leaves_out) context.counters.drop(NodeDropCause::NotDecoded);
    }
    PictureTimes arrival{next_seq_ - 1, last_pts_, Decoder::read_captured(*spare_)};
    if (!in_decoder_.empty()) {
      arrival = in_decoder_.front();
      in_decoder_.pop_front();
    }
    context.counters.source().set_decoder_frames(static_cast<int>(in_decoder_.size()));
    if (auto frame = make(maker_, std::move(spare_), context))
      return deliver(*std::move(frame), arrival, context);
  }
}

SourceItem<Frame> V4l2Source::deliver(Frame frame, const PictureTimes& arrival, const Context& context) {
  delivering_ = true;
  note_frame(context);
  note_size({frame.width(), frame.height()}, context);
  still_.note_picture(frame, arrival.captured, context);
  return {.value = std::move(frame),
          .pts = arrival.pts,
          .captured = note_captured(arrival.captured),
          .seq = arrival.seq,
          .utc = arrival.stamped ? compute_device_utc(context.clock, arrival.captured, options_.clock_offset)
                                 : Utc{}};
}

}  // namespace freshframe::media
