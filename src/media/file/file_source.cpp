// Decodes a video file or picture, which is local or behind HTTP.
// SPDX-License-Identifier: Apache-2.0
#include "media/file/file_source.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <sstream>
#include <utility>

#include "core/file_place.hpp"
#include "core/real_deadline.hpp"
#include "media/ffmpeg/error.hpp"
#include "media/ffmpeg/log.hpp"
#include "media/ffmpeg/options.hpp"

extern "C" {
#include <libavutil/cpu.h>
#include <libavutil/pixdesc.h>
}

namespace freshframe::media {

namespace {

/// FFmpeg warns above this number.
constexpr int kMostDecoderThreads = 16;

DecoderSettings decoder_settings(const OpenOptions& options, bool picture) {
  const int cores = std::clamp(av_cpu_count(), 1, kMostDecoderThreads);
  return {.threads = options.decoder_threads.value_or(options.realtime || picture ? 1 : cores),
          .low_delay = options.realtime,
          .strict = picture};
}

/// FFmpeg up to version 8 ignores all offsets of an MP4 where one is this large, in ticks. Version 9 takes it,
/// and hides the frame as one behind the end of the edit list.
bool is_misplaced(const AVPacket& packet) {
  constexpr double kMost = 1 << 28;
  if (packet.pts == AV_NOPTS_VALUE || packet.dts == AV_NOPTS_VALUE) return false;
  return std::abs(static_cast<double>(packet.pts) - static_cast<double>(packet.dts)) > kMost;
}

}  // namespace

FileSource::FileSource(SourceUrl url, OpenOptions options, Begin begin)
    : url_(std::move(url)), options_(std::move(options)), begin_(begin), maker_(wanted_size(options_)) {}

std::optional<std::string> FileSource::reads_from() const {
  return is_remote() ? std::nullopt : std::optional(url_.path());
}

/// The user's. Behind HTTP, FFmpeg connects again where the connection is lost before the end, and asks for the rest
/// by a range of bytes; where the server gives none, reading fails.
Dictionary FileSource::reader_options() const {
  Dictionary options(options_.options);
  if (!is_remote()) return options;
  const auto set_default = [&](const char* name, const char* value) {
    if (!options_.options.contains(name)) options.set(name, value);
  };
  set_default("protocol_whitelist", "http,https,httpproxy,tcp,tls,crypto");
  set_default("reconnect", "1");
  return options;
}

std::optional<std::int64_t> FileSource::total() const {
  if (options_.loop || options_.end || !info_.frame_count) return std::nullopt;
  return std::max<std::int64_t>(0, *info_.frame_count - first_number_);
}

void FileSource::open(const Context& context) {
  try {
    begin(context);
  } catch (...) {
    close();  // the engine closes only sources that have opened
    throw;
  }
}

void FileSource::begin(const Context& context) {
  packet_ = make_av_packet();
  place_ = core::lasting_path(url_.path());
  open_parts(context);
  frame_times_.emplace(step_, demuxer_->largest_leap());
  created_ = demuxer_->creation_time();
  first_ = first_frame(context);
  first_number_ = first_->seq.value_or(0);
  describe(*first_->frame);
}

FileSource::Placed FileSource::first_frame(const Context& context) {
  const FfmpegErrorCapture errors;
  try {
    if (options_.start) return go_to_start(context);
    start_open_deadline();
    if (auto frame = pull(context)) {
      const double time = file_times_->place(time_of(*frame));
      return place(std::move(frame), time);
    }
  } catch (const SourceError&) {
    throw;
  } catch (const Error& error) {
    throw SourceError("cannot open '" + url() + "': " + error.what() + errors.in_brackets(), url());
  }
  if (context.stop.stop_requested()) demuxer_->throw_stopped();
  const auto& masked = url_.masked;
  throw SourceError("cannot open '" + masked + "': none of its frames could be decoded (" +
                        std::to_string(damaged_) + " damaged packets); it is damaged or cut off" +
                        errors.in_brackets(),
                    masked);
}

void FileSource::start_open_deadline() {
  open_deadline_ = core::real_deadline(Seconds(options_.open_timeout));
}

void FileSource::open_parts(const Context& context) {
  auto options = reader_options();
  const auto& masked = url_.masked;
  decoder_.reset();
  demuxer_.reset();
  demuxer_.emplace(DemuxerSettings{.url = masked,
                                   .path = is_remote() ? url_.live.text : place_,
                                   .remote = is_remote(),
                                   .open_timeout = options_.open_timeout,
                                   .read_timeout = options_.read_timeout,
                                   .stop = context.stop,
                                   .most_pixels = Decoder::most_pixels(options_.options),
                                   .probe = options_.start.has_value()},
                   options);
  step_ = 1 / options_.fps.value_or(demuxer_->fps().value_or(kDefaultFps));
  start_times();
  const FfmpegErrorCapture errors;
  leaves_out_ = leaves_frames_out(options_.options);
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
  auto placed = first_ ? std::exchange(first_, std::nullopt) : pull_placed(context);
  if (!placed || !wait_until_due(placed->pts, context)) return std::nullopt;
  auto& frame = placed->frame;
  // Packets that open() read ahead count as captured at the first read(), so that the opening of other nodes
  // adds no age.
  const TimePoint captured = options_.realtime ? due_ : std::max(Decoder::captured_of(*frame), *started_);
  if (sizes_.changes_with({frame->width, frame->height})) context.counters.source().count_size_change();
  const auto number = number_of(*placed);
  return SourceItem<Frame>{.value = maker_.make(std::move(frame)),
                           .pts = placed->pts,
                           .captured = captured,
                           .seq = number,
                           .utc = utc_of(*placed)};
}

/// A device may mean the end of the recording, or its local time: to the second at best.
Utc FileSource::utc_of(const Placed& placed) const {
  if (!created_) return {};
  return {.seconds = *created_ + placed.time + options_.clock_offset, .error = 1, .from = UtcFrom::File};
}

/// Returns nullopt for the next one.
std::optional<std::int64_t> FileSource::number_of(const Placed& placed) {
  const auto number = placed.seq.value_or(next_number_ + placed.left_out);
  next_number_ = number + 1;
  const bool next = !leaves_out_ && !placed.seq && placed.left_out == 0;
  return next ? std::nullopt : std::optional(number);
}

std::optional<FileSource::Placed> FileSource::pull_placed(const Context& context) {
  while (!ended_) {
    if (auto frame = pull(context)) {
      const double time = file_times_->place(time_of(*frame));
      if (is_before_end(time)) return place(std::move(frame), time);
    }
    if (context.stop.stop_requested()) return std::nullopt;
    ended_ = !start_again(context);
    if (first_) return std::exchange(first_, std::nullopt);
  }
  return std::nullopt;
}

AvFramePtr FileSource::pull(const Context& context) {
  while (!context.stop.stop_requested()) {
    if (!spare_) spare_ = make_av_frame();
    switch (decoder_->receive(*spare_)) {
      case Decoder::Result::Frame:
        ++frames_in_pass_;
        count_answered(*spare_, context);
        open_deadline_.reset();
        if (decoder_->is_damaged(*spare_)) count_damage(context);
        return std::move(spare_);
      case Decoder::Result::Damaged:
        count_damage(context);
        ++failures_;
        break;
      case Decoder::Result::NeedsPacket:
        if (!feed(context)) return nullptr;
        break;
      case Decoder::Result::End:
        if (lost_) std::rethrow_exception(lost_);
        count_undecoded(context);
        return nullptr;
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
    throw SourceTimeoutError(text.str(), url(), ETIMEDOUT);
  }
  const auto result = next_packet();
  if (result == Demuxer::Result::Stopped) return false;
  if (result == Demuxer::Result::End) {
    if (passes_ == 0 && !lost_) count_cut_off(context);
    decoder_->finish();
    return true;
  }
  if (result == Demuxer::Result::Damaged || demuxer_->complained()) count_damage(context);
  if (result == Demuxer::Result::Damaged) return true;
  count_sent(*packet_);
  if (packet_->pts != AV_NOPTS_VALUE && (packet_->flags & AV_PKT_FLAG_DISCARD) == 0) sent_.send(packet_->pts);
  if (!decoder_->send(*packet_, context.clock.now())) {
    count_damage(context);
    ++failures_;
  }
  av_packet_unref(packet_.get());
  return true;
}

/// Fills packet_. Also End when reading has failed permanently: the decoder's frames are delivered first.
Demuxer::Result FileSource::next_packet() {
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

void FileSource::count_damage(const Context& context) {
  ++damaged_;
  if (!seeking_) context.counters.drop(NodeDropCause::Decode);
}

/// A frame that cannot be decoded keeps its number, as it does before `start`. After a failure of the decoder, a packet
/// without a frame is such a frame.
void FileSource::count_answered(const AVFrame& frame, const Context& context) {
  const auto before = sent_.take(frame.best_effort_timestamp);
  if (leaves_out_) return count_left_out(before, context);
  const auto lost = std::min(failures_, static_cast<std::int64_t>(before));
  failures_ -= lost;
  left_out_before_ += lost;
}

void FileSource::count_left_out(std::size_t frames, const Context& context) {
  if (seeking_) return;
  context.counters.drop(NodeDropCause::NotDecoded, frames);
  left_out_before_ += static_cast<std::int64_t>(frames);
}

/// With `realtime`. False: stopped.
bool FileSource::wait_until_due(double pts, const Context& context) {
  if (!options_.realtime) return true;
  if (!first_due_) first_due_ = pts;
  due_ = *started_ + to_duration(Seconds(pts - *first_due_));
  return context.clock.sleep_until(due_, context.stop);
}

bool FileSource::start_again(const Context& context) {
  if (!options_.loop) return false;
  if (frames_in_pass_ == 0) {
    const auto masked = url();
    throw SourceError("cannot loop '" + masked + "': none of its frames could be decoded", masked);
  }
  ++passes_;
  frames_in_pass_ = 0;
  frame_times_->restart();
  if (!options_.start && demuxer_->rewind()) {
    decoder_->restart();
    start_times();
    return true;
  }
  open_parts(context);
  if (options_.start) {
    first_ = go_to_start(context);
    first_->seq.reset();
    first_->left_out = 0;
  }
  return true;
}

/// A file that ends before its index has lost frames, even if every packet that was read is valid.
void FileSource::count_cut_off(const Context& context) {
  if (const auto unread = demuxer_->unread_packets(); unread > 0) {
    context.counters.drop(NodeDropCause::Decode, static_cast<std::uint64_t>(unread));
    log(LogLevel::Warning, "the file has another video stream before or behind the one that was read: " +
                               std::to_string(unread) + " packets of it were not read: '" + url() + "'");
  }
  if (demuxer_->has_second_file()) {
    context.counters.drop(NodeDropCause::Decode);
    log(LogLevel::Warning, "the file goes on after its last frame with another MP4, which was not read: '" +
                               url() + "'; FFmpeg joins files with its format \"concat\"");
  }
  const auto missing = demuxer_->missing_packets();
  if (missing == 0) return;
  context.counters.drop(NodeDropCause::Decode, static_cast<std::uint64_t>(missing));
  log(LogLevel::Warning, "the file is cut off: at least " + std::to_string(missing) +
                             " packets at its end are missing: '" + url() + "'");
}

/// Without those that the file hides (by an edit list, which damaged times make wrong), and those that are
/// shown before the first keyframe: they need frames from before the file.
void FileSource::count_sent(const AVPacket& packet) {
  if (!first_dts_) first_dts_ = packet.dts;
  if (!first_sent_) first_sent_ = packet.pts;
  const bool misplaced = is_misplaced(packet);
  const bool shown = (packet.flags & AV_PKT_FLAG_DISCARD) == 0 || demuxer_->has_damaged_times() || misplaced;
  if (shown && packet.size > 0 && (misplaced || packet.pts >= *first_sent_)) ++sent_in_pass_;
}

/// A decoder drops frames in silence where a damaged file puts them out of order.
void FileSource::count_undecoded(const Context& context) {
  const auto unanswered = sent_.finish();
  if (leaves_out_) return count_left_out(unanswered, context);
  left_out_before_ += std::min(failures_, static_cast<std::int64_t>(unanswered));
  const auto codec = demuxer_->stream().codecpar->codec_id;
  const bool one_each = codec == AV_CODEC_ID_H264 || codec == AV_CODEC_ID_HEVC;  // a packet for each frame
  const bool comparable = one_each && demuxer_->has_whole_frames() && !info_.interlaced.value_or(false) &&
                          !options_.start && passes_ == 0 && damaged_ == 0;
  const auto missing = sent_in_pass_ - frames_in_pass_;
  if (!comparable || missing <= 0) return;
  context.counters.drop(NodeDropCause::Decode, static_cast<std::uint64_t>(missing));
  log(LogLevel::Warning, "the decoder gave " + std::to_string(frames_in_pass_) + " frames of " +
                             std::to_string(sent_in_pass_) +
                             " packets: the file is damaged, or its times are out "
                             "of order, and times of other frames may be wrong: '" +
                             url() + "'");
}

std::optional<double> FileSource::seconds(std::int64_t ticks) const {
  if (ticks == AV_NOPTS_VALUE) return std::nullopt;
  return static_cast<double>(ticks - demuxer_->origin()) * av_q2d(demuxer_->stream().time_base);
}

/// In a container without the times of frames, FFmpeg derives them from the order of the packets. They are late by the
/// decoder's delay.
std::optional<double> FileSource::time_of(const AVFrame& frame) {
  const auto ticks = frame.best_effort_timestamp;
  if (ticks == AV_NOPTS_VALUE) return std::nullopt;
  if (!delay_) {
    const auto first = first_dts_.value_or(AV_NOPTS_VALUE);
    const bool late = demuxer_->lacks_times() && first != AV_NOPTS_VALUE && first < ticks;
    delay_ = late ? ticks - first : 0;
  }
  return seconds(ticks - *delay_);
}

/// At the beginning of the file.
void FileSource::start_times() {
  file_times_.emplace(step_, demuxer_->largest_leap());
  first_dts_.reset();
  delay_.reset();
  sent_ = {};
  failures_ = 0;
}

void FileSource::close() {
  first_.reset();
  read_ahead_.clear();
  spare_.reset();
  decoder_.reset();
  demuxer_.reset();
}

// Decodes a local video file from a time on: finds the first frame, with the same number and time as when the
// whole file is read.

namespace {

/// Counts nothing while frames before the start are decoded.
class Seeking {
 public:
  explicit Seeking(bool& flag) : flag_(flag) { flag_ = true; }
  Seeking(const Seeking&) = delete;
  Seeking& operator=(const Seeking&) = delete;
  ~Seeking() { flag_ = false; }

 private:
  bool& flag_;
};

}  // namespace

/// First from the keyframe before, by the index or by reading packets. If that does not find the frame, by
/// decoding the file from its beginning.
FileSource::Placed FileSource::go_to_start(const Context& context) {
  const Seeking seeking(seeking_);
  const auto wanted = wanted_ticks();
  for (const bool by_index : {true, false}) {
    if (by_index && !demuxer_->jump(wanted)) continue;
    if (auto point = find_start(*demuxer_, wanted, by_index)) {
      if (auto placed = decode_from(*std::move(point), context)) return *std::move(placed);
    }
    read_ahead_.clear();
    open_parts(context);
  }
  return decode_to_start(context);
}

/// Returns nullopt if the decoder did not return the frame.
std::optional<FileSource::Placed> FileSource::decode_from(StartPoint point, const Context& context) {
  const auto wanted = wanted_ticks();
  const auto later = point.first_from(begin_ == Begin::At ? wanted : wanted + 1);
  const double last = seconds(point.times.empty() ? wanted : point.times.back()).value_or(0);
  if (!later && (begin_ == Begin::At || ends_before_start(last))) fail_start(last);
  const auto expected = begin_ == Begin::At ? later : point.last_until(wanted);
  if (!expected) return std::nullopt;
  const auto number = point.number_of(*expected);
  read_ahead_ = std::move(point.packets);
  start_open_deadline();
  while (auto frame = pull(context)) {
    const auto ticks = frame->best_effort_timestamp;
    const auto found = time_of(*frame);
    if (!found || ticks > *expected) return std::nullopt;
    if (ticks < *expected) continue;
    const double time = file_times_->place(found);
    return place(std::move(frame), time, number);
  }
  if (context.stop.stop_requested()) demuxer_->throw_stopped();
  return std::nullopt;
}

FileSource::Placed FileSource::decode_to_start(const Context& context) {
  AvFramePtr before;
  std::int64_t number_before = 0;
  double time = 0;
  left_out_before_ = 0;
  start_open_deadline();
  for (std::int64_t decoded = 0;; ++decoded) {
    auto frame = pull(context);
    const auto number = decoded + left_out_before_;
    if (!frame && context.stop.stop_requested()) demuxer_->throw_stopped();
    if (!frame) {
      if (begin_ == Begin::At || !before || ends_before_start(time)) fail_start(time);
      return place(std::move(before), time, number_before);
    }
    const double time_before = std::exchange(time, file_times_->place(time_of(*frame)));
    const bool reached =
        begin_ == Begin::At ? time >= *options_.start - tolerance() : time > *options_.start + tolerance();
    if (!reached) {
      before = std::move(frame);
      number_before = number;
    } else if (begin_ == Begin::Showing && before) {
      return place(std::move(before), time_before, number_before);
    } else {
      return place(std::move(frame), time, number);
    }
  }
}

FileSource::Placed FileSource::place(AvFramePtr frame, double time, std::optional<std::int64_t> number) {
  if (!is_before_end(time)) {
    std::ostringstream text;
    text << "cannot open '" << url() << "': there is no frame from start=" << options_.start.value_or(0)
         << " to end=" << *options_.end << "; the next one is at " << time << " s";
    throw SourceError(text.str(), url(), EINVAL);
  }
  return {std::move(frame), frame_times_->place(time), number, std::exchange(left_out_before_, 0), time};
}

void FileSource::fail_start(double last) const {
  std::ostringstream text;
  text << "cannot open '" << url() << "' at " << *options_.start << " s: it is shorter, its last frame is at "
       << last << " s";
  throw SourceError(text.str(), url(), EINVAL);
}

bool FileSource::is_before_end(double time) const {
  return !options_.end || time < *options_.end - tolerance();
}

/// `last`: time of the last frame, which is shown for one step.
bool FileSource::ends_before_start(double last) const {
  return *options_.start >= last + step_ - tolerance();
}

/// The time that the first frame has at least, or the one to show at most.
std::int64_t FileSource::wanted_ticks() const {
  const double sign = begin_ == Begin::At ? -1 : 1;
  const double ticks = (*options_.start + sign * tolerance()) / av_q2d(demuxer_->stream().time_base);
  return demuxer_->origin() +
         static_cast<std::int64_t>(begin_ == Begin::At ? std::ceil(ticks) : std::floor(ticks));
}

/// Seconds by which a user's time may differ from a frame's: containers round to their ticks.
double FileSource::tolerance() const {
  constexpr double kMost = 0.0005;
  return std::min(av_q2d(demuxer_->stream().time_base) / 2, kMost);
}

}  // namespace freshframe::media
