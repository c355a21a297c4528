// Reads and decodes a file from start to end: its frames and their timestamps.
// SPDX-License-Identifier: Apache-2.0
#include "sources/file/file_decoding.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <sstream>
#include <utility>

#include "core/real_deadline.hpp"
#include "media/ffmpeg/error.hpp"
#include "media/ffmpeg/log.hpp"
#include "media/ffmpeg/options.hpp"
#include "media/ffmpeg/read/frame_maker.hpp"
#include "sources/file/packet_images.hpp"
#include "sources/live/decoding_place.hpp"

extern "C" {
#include <libavutil/cpu.h>
}

namespace freshframe::media {

namespace {

/// FFmpeg warns if more threads are set.
constexpr int kMostDecoderThreads = 16;

DecoderSettings decoder_settings(const OpenOptions& options, bool picture) {
  const int cores = std::clamp(av_cpu_count(), 1, kMostDecoderThreads);
  return {.threads = options.decoder_threads.value_or(options.realtime || picture ? 1 : cores),
          .low_delay = options.realtime,
          .strict = picture,
          .wish = DecoderWish::read_options(options)};
}

/// FFmpeg up to version 8 ignores all composition offsets of an MP4 if one is this large (in ticks). Version
/// 9 applies it, and hides the frame as if it came after the end of the edit list.
bool is_misplaced(const AVPacket& packet) {
  constexpr double kMost = 1 << 28;
  if (packet.pts == AV_NOPTS_VALUE || packet.dts == AV_NOPTS_VALUE) return false;
  return std::abs(static_cast<double>(packet.pts) - static_cast<double>(packet.dts)) > kMost;
}

std::int64_t duration_of(const AVFrame& frame) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 30, 100)
  return frame.duration;
#else
  return frame.pkt_duration;
#endif
}

}  // namespace

FileDecoding::FileDecoding(const SourceUrl& url, const OpenOptions& options)
    : url_(url), options_(options), counts_(leaves_frames_out(options.options)) {}

// ---- the file

/// The user's options plus reconnection: FFmpeg reconnects when HTTP is interrupted, and continues with a
/// range request. If the server does not support ranges, reading fails.
Dictionary FileDecoding::reader_options() const {
  Dictionary options(options_.options);
  if (!is_remote()) return options;
  const auto set_default = [&](const char* name, const char* value) {
    if (!options_.options.contains(name)) options.set(name, value);
  };
  set_default("protocol_whitelist", "http,https,httpproxy,tcp,tls,crypto");
  set_default("reconnect", "1");
  return options;
}

void FileDecoding::open(const std::string& path, const Context& context) {
  path_ = is_remote() ? url_.live.text : path;
  packet_ = make_av_packet();
  open_again(context);
}

/// Keeps the GPU context from one decoder to the next. Single images are decoded on the CPU.
void FileDecoding::choose_card() {
  const auto wish = DecoderWish::parse(options_.decoder);
  if (wish.kind == DecoderWish::Kind::Cpu || card_) return;
  if (!demuxer_->is_picture()) {
    card_ = Card::open(wish.card).card;
  } else if (wish.kind == DecoderWish::Kind::Demand) {
    throw SourceError("cannot open '" + url_.masked + "' with decoder=\"" + options_.decoder +
                          "\": an image file is decoded on the CPU; leave decoder out",
                      url_.masked, EINVAL);
  }
}

void FileDecoding::open_again(const Context& context) {
  auto options = reader_options();
  const auto& masked = url_.masked;
  read_ahead_.clear();
  decoder_.reset();
  demuxer_.reset();
  demuxer_.emplace(DemuxerSettings{.url = masked,
                                   .path = path_,
                                   .remote = is_remote(),
                                   .open_timeout = options_.open_timeout,
                                   .read_timeout = options_.read_timeout,
                                   .stop = context.stop,
                                   .most_pixels = Decoder::most_pixels(options_.options),
                                   .probe = options_.start.has_value(),
                                   .video = options_.stream},
                   options);
  step_ = 1 / options_.fps.value_or(demuxer_->fps().value_or(kDefaultFps));
  begin_pass();
  choose_card();
  open_decoder(options);
  if (options_.fps && !demuxer_->is_picture()) {
    throw SourceError(
        "cannot open '" + masked +
            "' with fps=, which is for image sequences: a video has its own frame rate, at which "
            "realtime=True plays it",
        masked, EINVAL);
  }
  if (const auto unknown = options.leftovers(); !unknown.empty()) {
    throw SourceError(unknown_option_text(masked, demuxer_->input().iformat->name,
                                          decoder_->context().codec->name, unknown),
                      masked, EINVAL);
  }
}

void FileDecoding::open_decoder(Dictionary& options) {
  const FfmpegErrorCapture errors;
  try {
    turn_ = read_turn(demuxer_->stream());
    decoder_.emplace(demuxer_->stream(), decoder_settings(options_, demuxer_->is_picture()), options);
    if (decoder_->has_card() && !counts_.leaves_out()) count_on_card();
  } catch (const SourceError&) {
    throw;
  } catch (const Error& error) {
    throw SourceError("cannot open '" + url_.masked + "': " + error.what() + errors.in_brackets(),
                      url_.masked);
  }
}

void FileDecoding::count_on_card() {
  const auto& parameters = *demuxer_->stream().codecpar;
  counts_.count_by_packets();
  fields_.reset();
  if (parameters.codec_id == AV_CODEC_ID_H264 && parameters.field_order != AV_FIELD_PROGRESSIVE)
    fields_.emplace(parameters);
}

bool FileDecoding::rewind() {
  if (!demuxer_->rewind()) return false;
  decoder_->restart();
  begin_pass();
  return true;
}

/// Called at the start of each pass over the file.
void FileDecoding::begin_pass() {
  times_.emplace(step_, demuxer_->largest_leap());
  first_dts_.reset();
  delay_.reset();
  counts_.begin_pass();
  without_image_.reset();
  if (fields_) fields_->begin_stream();
}

void FileDecoding::close() {
  read_ahead_.clear();
  spare_.reset();
  decoder_.reset();
  demuxer_.reset();
  card_.reset();
}

void FileDecoding::start_deadline() {
  deadline_ = core::real_deadline(Seconds(options_.open_timeout));
}

// ---- frames

AvFramePtr FileDecoding::pull(const Context& context) {
  while (!context.stop.stop_requested()) {
    if (!spare_) spare_ = make_av_frame();
    switch (receive(context)) {
      case Decoder::Result::Frame:
        counts_.take(*spare_, context);
        note_place(*decoder_, url_.masked, context);
        deadline_.reset();
        if (!interlaced_) interlaced_ = is_interlaced(*spare_);
        if (decoder_->is_damaged(*spare_)) counts_.damage(context);
        return std::move(spare_);
      case Decoder::Result::Damaged:
        counts_.fail(context);
        break;
      case Decoder::Result::NeedsPacket:
        if (!feed(context)) return nullptr;
        break;
      case Decoder::Result::End:
        if (lost_) {
          static_cast<void>(counts_.finish(context));
          std::rethrow_exception(lost_);
        }
        finish(context);
        return nullptr;
    }
  }
  return nullptr;
}

/// Calls Decoder::receive(). Throws SourceError after the last frame if decoding on the GPU was required and
/// failed.
Decoder::Result FileDecoding::receive(const Context& context) {
  try {
    return decoder_->receive(*spare_);
  } catch (const CardRefused& refused) {
    static_cast<void>(counts_.finish(context));
    const std::string doing = counts_.frames() == 0 ? "cannot open '" : "lost '";
    throw SourceError(doing + url_.masked + "': " + refused.what(), url_.masked);
  }
}

double FileDecoding::place(const AVFrame& frame) {
  return times_->place(find_time(frame));
}

double FileDecoding::shown_for(std::int64_t time, std::int64_t ticks) const {
  const auto end = time != AV_NOPTS_VALUE ? demuxer_->end() : std::nullopt;
  if (end && *end > time) {
    ticks = *end - time;
  } else if (!demuxer_->has_durations()) {
    return step_;
  }
  return std::max(step_, static_cast<double>(ticks) * av_q2d(demuxer_->stream().time_base));
}

double FileDecoding::shown_for(const AVFrame& frame) const {
  return shown_for(frame.best_effort_timestamp, duration_of(frame));
}

std::optional<double> FileDecoding::seconds(std::int64_t ticks) const {
  if (ticks == AV_NOPTS_VALUE) return std::nullopt;
  return static_cast<double>(ticks - demuxer_->origin()) * av_q2d(demuxer_->stream().time_base);
}

/// In containers without frame timestamps, FFmpeg derives them from the packet order, which makes them late
/// by the decoder's delay. Subtracts that delay.
std::optional<double> FileDecoding::find_time(const AVFrame& frame) {
  const auto ticks = frame.best_effort_timestamp;
  if (ticks == AV_NOPTS_VALUE) return std::nullopt;
  if (!delay_) {
    const auto first = first_dts_.value_or(AV_NOPTS_VALUE);
    const bool late = demuxer_->lacks_times() && first != AV_NOPTS_VALUE && first < ticks;
    delay_ = late ? ticks - first : 0;
  }
  return seconds(ticks - *delay_);
}

// ---- packets

/// Sends the decoder one packet, or the end of the stream. Returns false after a stop.
bool FileDecoding::feed(const Context& context) {
  if (deadline_ && std::chrono::steady_clock::now() > *deadline_) {
    std::ostringstream text;
    text << "cannot open '" << url_.masked << "': none of its frames could be decoded within "
         << options_.open_timeout << " s (" << counts_.damaged_count() << " damaged packets)";
    throw SourceTimeoutError(text.str(), url_.masked, ETIMEDOUT);
  }
  const auto result = next_packet();
  if (result == Demuxer::Result::Stopped) return false;
  if (result == Demuxer::Result::End) {
    if (is_first_pass_ && !lost_) count_cut_off(context);
    decoder_->finish();
    return true;
  }
  if (result == Demuxer::Result::Damaged || demuxer_->has_complained()) counts_.damage(context);
  if (result != Demuxer::Result::Damaged) send(context);
  return true;
}

/// Fills packet_. Also returns End if reading failed permanently, so that frames in the decoder are delivered
/// first.
Demuxer::Result FileDecoding::next_packet() {
  if (!read_ahead_.empty()) {
    av_packet_move_ref(packet_.get(), read_ahead_.front().get());
    read_ahead_.pop_front();
    return Demuxer::Result::Packet;
  }
  try {
    return demuxer_->next(*packet_);
  } catch (const SourceError&) {
    lost_ = std::current_exception();
    return Demuxer::Result::End;
  }
}

/// Frames that an edit list hides are not counted, unless damaged timestamps make the edit list wrong.
void FileDecoding::send(const Context& context) {
  const bool misplaced = is_misplaced(*packet_);
  const bool hidden = (packet_->flags & AV_PKT_FLAG_DISCARD) != 0 && !demuxer_->has_damaged_times();
  if (!first_dts_) first_dts_ = packet_->dts;
  const auto& codec = *demuxer_->stream().codecpar;
  const bool is_image = holds_image(*packet_, codec);
  if (!is_image && codec.codec_id == AV_CODEC_ID_H264 && packet_->size > 0) return keep_for_next();
  if (without_image_) put_before(*std::exchange(without_image_, nullptr), *packet_);
  const bool counts = is_image && (!fields_ || !fields_->take_packet(*packet_));
  if (counts) counts_.send(*packet_, misplaced, misplaced || !hidden);
  if (!decoder_->send(*packet_, context.clock.now())) counts_.fail(context);
  av_packet_unref(packet_.get());
}

/// SEI messages and parameter sets without an image are prepended to the next packet.
void FileDecoding::keep_for_next() {
  if (without_image_) put_before(*without_image_, *packet_);
  without_image_ = std::exchange(packet_, make_av_packet());
}

// ---- the end

/// A file that is shorter than its index says has lost frames, even if all packets that were read are valid.
void FileDecoding::count_cut_off(const Context& context) const {
  if (const auto unread = demuxer_->unread_packets(); unread > 0) {
    context.counters.drop(NodeDropCause::Decode, static_cast<std::uint64_t>(unread));
    log(LogLevel::Warning,
        "the file has another video stream before or after the one that was read: " + std::to_string(unread) +
            " packets of it were not read: '" + url_.masked + "'");
  }
  if (demuxer_->has_second_file()) {
    context.counters.drop(NodeDropCause::Decode);
    log(LogLevel::Warning, "the file continues after its last frame with another MP4, which was not read: '" +
                               url_.masked + "'; FFmpeg joins files with its format \"concat\"");
  }
  const auto missing = demuxer_->missing_packets();
  if (missing == 0) return;
  context.counters.drop(NodeDropCause::Decode, static_cast<std::uint64_t>(missing));
  log(LogLevel::Warning, "the file is cut off: at least " + std::to_string(missing) +
                             " packets at its end are missing: '" + url_.masked + "'");
}

bool FileDecoding::has_packet_for_each_frame() const {
  const auto codec = demuxer_->stream().codecpar->codec_id;
  return (codec == AV_CODEC_ID_H264 || codec == AV_CODEC_ID_HEVC) && demuxer_->has_whole_frames();
}

/// A decoder silently drops frames that a damaged file puts out of order.
void FileDecoding::finish(const Context& context) {
  const auto missing = counts_.finish(context);
  const bool comparable = !counts_.leaves_out() && !counts_.counts_packets() && has_packet_for_each_frame() &&
                          !interlaced_.value_or(false) && !options_.start && is_first_pass_ &&
                          counts_.damaged_count() == 0;
  if (!comparable || missing <= 0) return;
  context.counters.drop(NodeDropCause::Decode, static_cast<std::uint64_t>(missing));
  log(LogLevel::Warning, "the decoder returned " + std::to_string(counts_.frames()) + " frames for " +
                             std::to_string(counts_.sent_frames()) +
                             " packets: the file is damaged, or its timestamps are out "
                             "of order, and timestamps of other frames may be wrong: '" +
                             url_.masked + "'");
}

}  // namespace freshframe::media
