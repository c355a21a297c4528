// Decodes a local video file or picture.
// SPDX-License-Identifier: Apache-2.0
#include "media/file_source.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <sstream>
#include <utility>

#include "media/ffmpeg_error.hpp"
#include "media/ffmpeg_log.hpp"
#include "media/url.hpp"

extern "C" {
#include <libavutil/cpu.h>
#include <libavutil/pixdesc.h>
}

namespace freshframe {
namespace {

/// FFmpeg warns that more do not help.
constexpr int kMostThreads = 16;

DecoderSettings decoder_settings(const OpenOptions& options, bool picture) {
  const int cores = std::clamp(av_cpu_count(), 1, kMostThreads);
  return {.threads = options.decoder_threads.value_or(options.realtime || picture ? 1 : cores),
          .low_delay = options.realtime,
          .strict = picture};
}

}  // namespace

FileSource::FileSource(std::string url, OpenOptions options)
    : url_(std::move(url)), options_(std::move(options)), maker_(wanted_size(options_)) {}

std::string FileSource::url() const {
  return mask_passwords(url_);
}

std::optional<std::int64_t> FileSource::total() const {
  return options_.loop ? std::nullopt : info_.frame_count;
}

void FileSource::open(const Context& context) {
  packet_ = make_av_packet();
  open_parts(context);
  const double step = 1 / options_.fps.value_or(demuxer_->fps().value_or(kDefaultFps));
  const double leap = demuxer_->largest_leap();
  frame_times_.emplace(step, leap);
  packet_times_.emplace(step, leap);
  const FfmpegErrorCapture errors;
  open_deadline_ = std::chrono::steady_clock::now() + to_duration(Seconds(options_.open_timeout));
  first_ = pull(context);
  open_deadline_.reset();
  if (!first_) {
    const auto masked = url();
    if (context.stop.stop_requested()) {
      throw SourceError("'" + masked + "' was stopped before it was opened", masked, ECANCELED);
    }
    throw SourceError("cannot open '" + masked + "': none of its frames could be decoded (" +
                          std::to_string(damaged_) + " damaged packets); it is damaged or cut off" +
                          errors.in_brackets(),
                      masked);
  }
  describe(*first_);
}

void FileSource::open_parts(const Context& context) {
  Dictionary options(options_.options);
  const auto masked = url();
  decoder_.reset();
  demuxer_.reset();
  demuxer_.emplace(DemuxerSettings{.url = masked,
                                   .path = local_path(url_),
                                   .open_timeout = options_.open_timeout,
                                   .read_timeout = options_.read_timeout,
                                   .stop = context.stop,
                                   .most_pixels = Decoder::most_pixels(options_.options)},
                   options);
  const FfmpegErrorCapture errors;
  try {
    maker_.set_turn(turn_of(demuxer_->stream()));
    decoder_.emplace(demuxer_->stream(), decoder_settings(options_, demuxer_->is_picture()), options);
  } catch (const SourceError&) {
    throw;
  } catch (const Error& error) {
    throw SourceError("cannot open '" + masked + "': " + error.what() + errors.in_brackets(), masked);
  }
  if (options_.fps && !demuxer_->is_picture()) {
    throw SourceError("cannot open '" + masked +
                          "' with fps: that is for pictures, a video has its own; realtime plays at it",
                      masked, EINVAL);
  }
  if (const auto unknown = options.leftovers(); !unknown.empty()) {
    throw SourceError(unknown_option_text(masked, demuxer_->input().iformat->name,
                                          decoder_->context().codec->name, unknown),
                      masked, EINVAL);
  }
}

void FileSource::describe(const AVFrame& first) {
  const char* pixel_format = av_get_pix_fmt_name(static_cast<AVPixelFormat>(first.format));
  info_.codec = avcodec_get_name(demuxer_->stream().codecpar->codec_id);
  const auto size = maker_.size_of(first);
  info_.width = size.width;
  info_.height = size.height;
  info_.interlaced = is_interlaced(first);
  info_.fps = demuxer_->fps();
  info_.frame_count = demuxer_->frame_count();
  info_.duration = demuxer_->duration();
  info_.pixel_format = pixel_format != nullptr ? pixel_format : "";
  info_.container = demuxer_->input().iformat->name;
  if (demuxer_->is_picture()) {
    info_.fps = options_.fps.value_or(kDefaultFps);
    info_.frame_count = 1;
    info_.duration = 1 / *info_.fps;
  }
}

std::optional<SourceItem<Frame>> FileSource::read(const Context& context) {
  if (!started_) started_ = context.clock.now();
  AvFramePtr frame = first_ ? std::move(first_) : pull(context);
  if (!frame) return std::nullopt;
  const double pts = frame_times_->place(seconds(frame->best_effort_timestamp));
  // What open() read ahead was born at the first read(), so that the opening of other nodes is no age.
  const TimePoint captured = std::max(Decoder::captured_of(*frame), *started_);
  if (sizes_.changes_with({frame->width, frame->height})) context.counters.source().count_size_change();
  return SourceItem<Frame>{maker_.make(std::move(frame)), pts, captured};
}

AvFramePtr FileSource::pull(const Context& context) {
  while (!ended_ && !context.stop.stop_requested()) {
    if (!spare_) spare_ = make_av_frame();
    switch (decoder_->receive(*spare_)) {
      case Decoder::Result::Frame:
        ++frames_in_pass_;
        if (Decoder::is_damaged(*spare_)) count_damage(context);
        return std::move(spare_);
      case Decoder::Result::Damaged:
        count_damage(context);
        break;
      case Decoder::Result::NeedsPacket:
        if (!feed(context)) return nullptr;
        break;
      case Decoder::Result::End:
        ended_ = !start_again(context);
        break;
    }
  }
  return nullptr;
}

/// Gives the decoder one packet, or the end. False: stopped.
bool FileSource::feed(const Context& context) {
  if (open_deadline_ && std::chrono::steady_clock::now() > *open_deadline_) {
    std::ostringstream text;
    text << "cannot open '" << url() << "': none of its frames could be decoded within "
         << options_.open_timeout << " s (" << damaged_ << " damaged packets)";
    throw SourceTimeout(text.str(), url(), ETIMEDOUT);
  }
  const auto result = demuxer_->next(*packet_);
  if (result == Demuxer::Result::Stopped) return false;
  if (result == Demuxer::Result::End) {
    if (passes_ == 0) count_cut_off(context);
    decoder_->finish();
    return true;
  }
  if (result == Demuxer::Result::Damaged || demuxer_->complained()) count_damage(context);
  if (result == Demuxer::Result::Damaged) return true;
  const bool go_on = wait_for_packet(*packet_, context);
  if (go_on && !decoder_->send(*packet_, read_at_)) count_damage(context);
  av_packet_unref(packet_.get());
  return go_on;
}

void FileSource::count_damage(const Context& context) {
  ++damaged_;
  context.counters.drop(NodeDropCause::Decode);
}

/// Notes when the packet was read; with `realtime` that is when it is due. False: stopped.
bool FileSource::wait_for_packet(const AVPacket& packet, const Context& context) {
  read_at_ = context.clock.now();
  if (!options_.realtime) return true;
  const double time = packet_times_->place(seconds(packet.dts != AV_NOPTS_VALUE ? packet.dts : packet.pts));
  if (!first_due_) first_due_ = time;
  if (!started_) return true;  // open() does not wait for the file's pace
  read_at_ = *started_ + to_duration(Seconds(time - *first_due_));
  return context.clock.sleep_until(read_at_, context.stop);
}

bool FileSource::start_again(const Context& context) {
  if (!options_.loop) return false;
  if (frames_in_pass_ == 0) {
    const auto masked = url();
    throw SourceError("cannot loop '" + masked + "': none of its frames could be decoded", masked);
  }
  ++passes_;
  frames_in_pass_ = 0;
  if (demuxer_->rewind()) {
    decoder_->restart();
  } else {
    open_parts(context);
  }
  frame_times_->restart();
  packet_times_->restart();
  return true;
}

/// A file that ends before its index does lost frames, though every packet that was read is fine.
void FileSource::count_cut_off(const Context& context) {
  const auto missing = demuxer_->missing_packets();
  if (missing == 0) return;
  context.counters.drop(NodeDropCause::Decode, static_cast<std::uint64_t>(missing));
  log(LogLevel::Warning, "the file is cut off: at least " + std::to_string(missing) +
                             " packets at its end are missing: '" + url() + "'");
}

std::optional<double> FileSource::seconds(std::int64_t ticks) const {
  if (ticks == AV_NOPTS_VALUE) return std::nullopt;
  const auto& stream = demuxer_->stream();
  const std::int64_t start = stream.start_time != AV_NOPTS_VALUE ? stream.start_time : 0;
  return static_cast<double>(ticks - start) * av_q2d(stream.time_base);
}

void FileSource::close() {
  first_.reset();
  spare_.reset();
  decoder_.reset();
  demuxer_.reset();
}

}  // namespace freshframe
