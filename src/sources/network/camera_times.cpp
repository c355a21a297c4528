// The times of a live source's pictures: when each was captured, its pts, its wall time.
// SPDX-License-Identifier: Apache-2.0
#include "sources/network/camera_times.hpp"

#include "freshframe/log.hpp"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <sstream>

namespace freshframe::media {

void CameraTimes::connect(double wrap) {
  repeated_.connect();
  clock_ = CameraClock(wrap);
}

void CameraTimes::disconnect() {
  timeline_.restart();
  line_.restart();
  program_offset_.reset();
}

CameraTimes::Noted CameraTimes::note(const Given& packet, const PacketNotes& notes, const Context& context) {
  const auto& time = packet.time;
  Noted noted{.captured = notes.arrived};
  if (!time) return noted;
  noted.is_new = !packet.is_bursty || !repeated_.remember(packet.pts, packet.bytes);
  noted.captured = line_.place(*time, notes.arrived);
  note_clock(notes, *time, context);
  if (program_offset_) return noted;
  auto behind = line_.behind();
  if (behind) *behind += notes.late;
  context.counters.source().set_behind(behind);
  return noted;
}

/// Times that jump belong to another clock, whose reports are still to come.
void CameraTimes::note_clock(const PacketNotes& notes, double time, const Context& context) {
  if (notes.program_time) {
    program_offset_ = *notes.program_time - time;
  } else {
    program_offset_.reset();  // also after a discontinuity of a playlist
  }
  if (line_.begins()) clock_.restart();
  if (!notes.report) return;
  const auto step = clock_.add(*notes.report, context.clock.unix_time(notes.arrived));
  if (!step) return;
  context.counters.source().count_clock_step();
  std::ostringstream text;
  text << camera_ << " has set its clock " << (*step > 0 ? "forward" : "back") << " by " << std::fixed
       << std::setprecision(3) << std::abs(*step) << " s";
  log(LogLevel::Warning, text.str());
}

Utc CameraTimes::find_utc(std::optional<double> time, TimePoint captured, const Context& context) {
  constexpr float kPlaylistError = 0.001F;  // seconds: playlists usually say milliseconds
  auto& book = context.counters.source();
  auto utc = time ? clock_.at(*time) : std::nullopt;
  if (!utc && time && program_offset_) {
    utc = {.seconds = *program_offset_ + *time, .error = kPlaylistError, .from = UtcFrom::Camera};
  }
  if (!utc) {
    book.set_clock(std::nullopt);
    return {};
  }
  utc->seconds += clock_offset_;
  if (const auto state = clock_.state()) {
    constexpr double kPerMillion = 1e6;
    book.set_clock({{.offset = utc->seconds - context.clock.unix_time(captured),
                     .drift = kPerMillion * state->drift,
                     .residual = state->residual,
                     .reports = state->reports}});
  }
  return *utc;
}

void CameraTimes::count_behind(std::optional<double> time, const Context& context) const {
  if (!program_offset_ || !time) return;
  const double now = context.clock.unix_time(context.clock.now());
  context.counters.source().set_behind(std::max(0.0, now - *program_offset_ - *time));
}

}  // namespace freshframe::media
