// Reads part of a file: finds its first frame, with the number and timestamp it has when reading the whole
// file.
// SPDX-License-Identifier: Apache-2.0
#include "sources/file/file_part.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <sstream>
#include <utility>

namespace freshframe::media {

namespace {

/// Counts nothing while the frames before the start are decoded.
class Seeking {
 public:
  explicit Seeking(FrameCounts& counts) : counts_(counts) { counts_.set_silent(true); }
  Seeking(const Seeking&) = delete;
  Seeking& operator=(const Seeking&) = delete;
  ~Seeking() { counts_.set_silent(false); }

 private:
  FrameCounts& counts_;
};

}  // namespace

/// Decodes from the preceding keyframe, found by the index or by reading packets. If this does not yield the
/// frame, decodes the file from the beginning.
FileFrame FilePart::go_to_start(const Context& context) {
  const Seeking seeking(decoding_.counts());
  const auto wanted = wanted_ticks();
  for (const bool by_index : {true, false}) {
    if (by_index && !decoding_.demuxer().jump(wanted)) continue;
    if (auto point = find_start(decoding_.demuxer(), wanted, by_index)) {
      if (auto found = decode_from(*std::move(point), context)) return *std::move(found);
    }
    decoding_.open_again(context);
  }
  return decode_to_start(context);
}

/// Returns nullopt if the decoder did not return the frame.
std::optional<FileFrame> FilePart::decode_from(StartPoint point, const Context& context) {
  const auto wanted = wanted_ticks();
  const auto later = point.first_from(begin_ == Begin::At ? wanted : wanted + 1);
  const auto latest = point.times.empty() ? wanted : point.times.back();
  const double last = decoding_.seconds(latest).value_or(0);
  const double lasts = decoding_.shown_for(latest, point.end - latest);
  if (!later && (begin_ == Begin::At || ends_before_start(last + lasts))) fail_start(last, lasts);
  const auto expected = begin_ == Begin::At ? later : point.last_until(wanted);
  if (!expected) return std::nullopt;
  const auto number = point.find_number(*expected);
  decoding_.decode_first(std::move(point.packets));
  decoding_.start_deadline();
  while (auto frame = decoding_.pull(context)) {
    const auto ticks = frame->best_effort_timestamp;
    const auto found = decoding_.find_time(*frame);
    if (!found || ticks > *expected) return std::nullopt;
    if (ticks < *expected) continue;
    const double time = decoding_.place(*frame);
    return FileFrame{.frame = std::move(frame), .time = time, .seq = number};
  }
  if (context.stop.stop_requested()) decoding_.demuxer().throw_stopped();
  return std::nullopt;
}

FileFrame FilePart::decode_to_start(const Context& context) {
  FileFrame before;
  double time = 0;
  double lasts = 0;
  static_cast<void>(decoding_.counts().take_left_out());
  decoding_.start_deadline();
  for (std::int64_t decoded = 0;; ++decoded) {
    auto frame = decoding_.pull(context);
    const auto number = decoded + decoding_.counts().left_out();
    if (!frame && context.stop.stop_requested()) decoding_.demuxer().throw_stopped();
    if (!frame) {
      if (begin_ == Begin::At || !before.frame || ends_before_start(time + lasts)) {
        fail_start(time, lasts);
      }
      return before;
    }
    time = decoding_.place(*frame);
    lasts = decoding_.shown_for(*frame);
    const bool reached =
        begin_ == Begin::At ? time >= *options_.start - tolerance() : time > *options_.start + tolerance();
    if (reached && begin_ == Begin::Showing && before.frame) return before;
    before = {.frame = std::move(frame), .time = time, .seq = number};
    if (reached) return before;
  }
}

void FilePart::fail_start(double last, double lasts) const {
  std::ostringstream text;
  text << "cannot open '" << url_.masked << "' at " << *options_.start
       << " s: it is shorter, its last frame is at " << last << " s";
  if (lasts > 2 * decoding_.step()) text << " and is shown until " << last + lasts << " s";
  throw SourceError(text.str(), url_.masked, EINVAL);
}

bool FilePart::is_before_end(double time) const {
  return !options_.end || time < *options_.end - tolerance();
}

/// `end`: when the last frame stops being shown.
bool FilePart::ends_before_start(double end) const {
  return *options_.start >= end - tolerance();
}

/// The lowest timestamp that the first frame may have; with Begin::At the highest. In ticks.
std::int64_t FilePart::wanted_ticks() const {
  const double sign = begin_ == Begin::At ? -1 : 1;
  const auto& demuxer = decoding_.demuxer();
  const double ticks = (*options_.start + sign * tolerance()) / av_q2d(demuxer.stream().time_base);
  return demuxer.origin() +
         static_cast<std::int64_t>(begin_ == Begin::At ? std::ceil(ticks) : std::floor(ticks));
}

/// The tolerance in seconds when comparing a user's time with a frame's: containers round timestamps to
/// ticks.
double FilePart::tolerance() const {
  constexpr double kMost = 0.0005;
  return std::min(av_q2d(decoding_.demuxer().stream().time_base) / 2, kMost);
}

}  // namespace freshframe::media
