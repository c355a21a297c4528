// Source for video and image files, local or over HTTP.
// SPDX-License-Identifier: Apache-2.0
#include "sources/file/file_source.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <cerrno>
#include <sstream>
#include <utility>

#include "core/file_place.hpp"
#include "media/ffmpeg/log.hpp"
#include "platform/file.hpp"

extern "C" {
#include <libavutil/pixdesc.h>
}

namespace freshframe::media {

FileSource::FileSource(SourceUrl url, OpenOptions options, Begin begin)
    : url_(std::move(url)),
      options_(std::move(options)),
      decoding_(url_, options_),
      part_(decoding_, url_, options_, begin),
      maker_(wanted_size(options_), wanted_quarters(options_)) {}

std::optional<std::string> FileSource::reads_from() const {
  return url_.kind == UrlKind::Live ? std::nullopt : std::optional(url_.path());
}

std::optional<std::int64_t> FileSource::total() const {
  if (options_.loop || options_.end || !info_.frame_count) return std::nullopt;
  return std::max<std::int64_t>(0, *info_.frame_count - first_number_);
}

void FileSource::open(const Context& context) {
  try {
    const auto path = core::lasting_path(url_.path());  // made absolute, because `loop` opens it again later
    decoding_.open(path, context);
    const auto file = url_.kind == UrlKind::Live ? std::nullopt : platform::find_regular_file(path);
    if (file) claim_.emplace(*file);
    frame_times_.emplace(decoding_.step(), decoding_.demuxer().largest_leap());
    created_ = decoding_.demuxer().creation_time();
    first_ = first_frame(context);
    first_number_ = first_->file.seq.value_or(0);
    maker_.set_turn(decoding_.turn());
    maker_.count_downloads(context.counters.source().downloads());
    describe(*first_->file.frame);
    tell_choice();
  } catch (...) {
    close();  // the engine closes only sources whose open() succeeded
    throw;
  }
}

/// Throws SourceError if there is no frame to deliver.
FileSource::Placed FileSource::first_frame(const Context& context) {
  const FfmpegErrorCapture errors;
  const auto& masked = url_.masked;
  try {
    if (options_.start) return place(part_.go_to_start(context));
    decoding_.start_deadline();
    if (auto frame = decoding_.pull(context)) {
      const double time = decoding_.place(*frame);
      return place({.frame = std::move(frame), .time = time});
    }
  } catch (const SourceError&) {
    throw;
  } catch (const Error& error) {
    throw SourceError("cannot open '" + masked + "': " + error.what() + errors.in_brackets(), masked);
  }
  if (context.stop.stop_requested()) decoding_.demuxer().throw_stopped();
  if (const auto why = decoding_.card_failure(); !why.empty()) {
    throw SourceError("cannot open '" + masked + "': none of its frames could be decoded by the GPU: " + why +
                          "; use decoder=\"cpu\"",
                      masked);
  }
  throw SourceError("cannot open '" + masked + "': none of its frames could be decoded (" +
                        std::to_string(decoding_.counts().damaged_count()) +
                        " damaged packets); it is damaged or cut off" + errors.in_brackets(),
                    masked);
}

void FileSource::describe(const AVFrame& first) {
  const auto& demuxer = decoding_.demuxer();
  const char* pixel_format = av_get_pix_fmt_name(get_stored_format(first));
  info_.codec = avcodec_get_name(demuxer.stream().codecpar->codec_id);
  const auto size = maker_.compute_size(first);
  info_.width = size.width;
  info_.height = size.height;
  info_.interlaced = is_interlaced(first);
  info_.fps = demuxer.fps();
  info_.frame_count = demuxer.frame_count();
  info_.duration = demuxer.duration();
  info_.pixel_format = pixel_format != nullptr ? pixel_format : "";
  if (demuxer.videos().size() > 1) info_.streams = describe_videos(demuxer.videos());
  info_.container = demuxer.input().iformat->name;
  if (demuxer.is_picture()) {
    info_.fps = options_.fps.value_or(kDefaultFps);
    info_.frame_count = 1;
    info_.duration = 1 / *info_.fps;
  }
}

void FileSource::tell_choice() const {
  const auto& videos = decoding_.demuxer().videos();
  const auto whole = std::ranges::count_if(videos, [](const FileVideo& video) { return !video.cover; });
  if (whole < 2 || options_.stream) return;
  std::string list;
  for (const auto& each : info_.streams) list += (list.empty() ? "" : "; ") + each;
  log(LogLevel::Info, "'" + url_.masked + "' has several videos (" + list + "): stream " +
                          std::to_string(decoding_.demuxer().stream().index) +
                          " is read, and stream= chooses another");
}

std::optional<SourceItem<Frame>> FileSource::read(const Context& context) {
  if (!started_) started_ = context.clock.now();
  auto placed = first_ ? std::exchange(first_, std::nullopt) : next_frame(context);
  if (!placed || !wait_until_due(placed->pts, context)) return std::nullopt;
  auto& frame = placed->file.frame;
  // Packets that open() read ahead count as captured at the first read(), so that opening other nodes does
  // not add to their age.
  const TimePoint captured = options_.realtime ? due_ : std::max(Decoder::read_captured(*frame), *started_);
  if (sizes_.changes_with({frame->width, frame->height})) context.counters.source().count_size_change();
  const auto number = find_number(*placed);
  return SourceItem<Frame>{.value = maker_.make(std::move(frame)),
                           .pts = placed->pts,
                           .captured = captured,
                           .seq = number,
                           .utc = find_utc(*placed)};
}

/// Cameras write creation times inconsistently (start or end of the recording, UTC or local), in whole
/// seconds.
Utc FileSource::find_utc(const Placed& placed) const {
  if (!created_) return {};
  return {.seconds = *created_ + placed.file.time + options_.clock_offset, .error = 1, .from = UtcFrom::File};
}

/// Returns nullopt if the frame's number simply follows the previous one.
std::optional<std::int64_t> FileSource::find_number(const Placed& placed) {
  const auto& given = placed.file.seq;
  const auto number = given.value_or(next_number_ + placed.left_out);
  next_number_ = number + 1;
  const bool next = !decoding_.counts().leaves_out() && !given && placed.left_out == 0;
  return next ? std::nullopt : std::optional(number);
}

std::optional<FileSource::Placed> FileSource::next_frame(const Context& context) {
  while (!ended_) {
    if (auto frame = decoding_.pull(context)) {
      const double time = decoding_.place(*frame);
      if (part_.is_before_end(time)) return place({.frame = std::move(frame), .time = time});
      last_shown_for_ = options_.end.value_or(time) - last_time_;
    }
    if (context.stop.stop_requested()) return std::nullopt;
    ended_ = !start_again(context);
    if (first_) return std::exchange(first_, std::nullopt);
  }
  return std::nullopt;
}

FileSource::Placed FileSource::place(FileFrame frame) {
  if (!part_.is_before_end(frame.time)) {
    std::ostringstream text;
    text << "cannot open '" << url_.masked << "': there is no frame from start=" << options_.start.value_or(0)
         << " to end=" << *options_.end << "; the next one is at " << frame.time << " s";
    throw SourceError(text.str(), url_.masked, EINVAL);
  }
  const double pts = frame_times_->place(frame.time);
  last_time_ = frame.time;
  last_shown_for_ = decoding_.shown_for(*frame.frame);
  if (options_.end) last_shown_for_ = std::min(last_shown_for_, *options_.end - last_time_);
  return {.file = std::move(frame), .pts = pts, .left_out = decoding_.counts().take_left_out()};
}

/// With `realtime`, waits until the frame is due. Returns false after a stop.
bool FileSource::wait_until_due(double pts, const Context& context) {
  if (!options_.realtime) return true;
  if (!first_due_) first_due_ = pts;
  due_ = *started_ + to_duration(Seconds(pts - *first_due_));
  const double late = Seconds(context.clock.now() - due_).count();
  context.counters.source().set_behind(std::max(0.0, late));
  return context.clock.sleep_until(due_, context.stop);
}

bool FileSource::start_again(const Context& context) {
  if (!options_.loop) return false;
  const bool is_empty = decoding_.counts().frames() == 0;
  if (is_empty && !by_seek_) {
    throw SourceError("cannot loop '" + url_.masked + "': none of its frames could be decoded", url_.masked);
  }
  decoding_.repeat();
  frame_times_->restart(last_shown_for_);
  // Some servers advertise ranges but return no data, so after an empty pass the file is reopened.
  by_seek_ = !is_empty && !options_.start && decoding_.rewind();
  if (by_seek_) return true;
  try {
    open_again(context);
  } catch (const SourceError& error) {
    if (error.code() != ECANCELED || !context.stop.stop_requested()) throw;
    return false;
  }
  return true;
}

void FileSource::open_again(const Context& context) {
  decoding_.open_again(context);
  maker_.set_turn(decoding_.turn());
  if (!options_.start) return;
  first_ = place(part_.go_to_start(context));
  first_->file.seq.reset();
  first_->left_out = 0;
}

void FileSource::close() {
  first_.reset();
  decoding_.close();
  claim_.reset();
}

}  // namespace freshframe::media
