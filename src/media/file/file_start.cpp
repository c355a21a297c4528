// Decodes a local video file from a time on: finds the first frame, with the same number and time as when the
// whole file is read.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <sstream>
#include <utility>

#include "media/file/file_source.hpp"

namespace freshframe::media {
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

/// First from the key frame before, by the index or by reading packets. If that does not find the frame, by
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
    if (ticks == AV_NOPTS_VALUE || ticks > *expected) return std::nullopt;
    if (ticks < *expected) continue;
    const double time = file_times_->place(seconds(ticks));
    return place(std::move(frame), time, number);
  }
  if (context.stop.stop_requested()) demuxer_->throw_stopped();
  return std::nullopt;
}

FileSource::Placed FileSource::decode_to_start(const Context& context) {
  AvFramePtr before;
  double time = 0;
  start_open_deadline();
  for (std::int64_t n = 0;; ++n) {
    auto frame = pull(context);
    if (!frame && context.stop.stop_requested()) demuxer_->throw_stopped();
    if (!frame) {
      if (begin_ == Begin::At || !before || ends_before_start(time)) fail_start(time);
      return place(std::move(before), time, n - 1);
    }
    const double time_before = std::exchange(time, file_times_->place(seconds(frame->best_effort_timestamp)));
    const bool reached =
        begin_ == Begin::At ? time >= *options_.start - tolerance() : time > *options_.start + tolerance();
    if (!reached) {
      before = std::move(frame);
    } else if (begin_ == Begin::Showing && before) {
      return place(std::move(before), time_before, n - 1);
    } else {
      return place(std::move(frame), time, n);
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
  const auto& stream = demuxer_->stream();
  const auto origin = stream.start_time != AV_NOPTS_VALUE ? stream.start_time : 0;
  const double sign = begin_ == Begin::At ? -1 : 1;
  const double ticks = (*options_.start + sign * tolerance()) / av_q2d(stream.time_base);
  return origin + static_cast<std::int64_t>(begin_ == Begin::At ? std::ceil(ticks) : std::floor(ticks));
}

/// Seconds by which a user's time may differ from a frame's: containers round to their ticks.
double FileSource::tolerance() const {
  constexpr double kMost = 0.0005;
  return std::min(av_q2d(demuxer_->stream().time_base) / 2, kMost);
}

}  // namespace freshframe::media
