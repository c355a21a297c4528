// Computes the times of a live source's frames: capture time, pts and wall-clock time.
// SPDX-License-Identifier: Apache-2.0
#include "sources/network/camera_times.hpp"

#include "freshframe/log.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iomanip>
#include <sstream>
#include <utility>

namespace freshframe::media {
namespace {

// Unset clocks start in 1970 or 2000. The clock of this machine may be unset, too.
constexpr double kEarliest = 1'577'836'800;              // Unix time of 2020
constexpr double kMostAheadOfUs = 10 * 365.25 * 86'400;  // seconds

bool is_plausible(double utc, double now) {
  return utc >= kEarliest && (now < kEarliest || utc < now + kMostAheadOfUs);
}

/// "1970-01-01 00:00 UTC"
std::string date_text(double utc) {
  constexpr double kFarthest = 253'402'300'799;  // Unix time of the end of the year 9999
  const auto seconds = std::chrono::seconds(std::llround(std::clamp(utc, -kFarthest, kFarthest)));
  const auto time = std::chrono::sys_seconds(seconds);
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::ostringstream text;
  text << std::setfill('0') << static_cast<int>(date.year()) << '-' << std::setw(2)
       << static_cast<unsigned>(date.month()) << '-' << std::setw(2) << static_cast<unsigned>(date.day())
       << ' ' << std::setw(2) << clock.hours().count() << ':' << std::setw(2) << clock.minutes().count()
       << " UTC";
  return text.str();
}

}  // namespace

void CameraTimes::connect(double wrap) {
  repeated_.connect();
  clock_ = CameraClock(wrap, clock_.center());
}

void CameraTimes::disconnect() {
  timeline_.restart();
  line_.restart();
  program_offset_.reset();
  stated_error_.reset();
}

CameraTimes::Noted CameraTimes::note(const Given& packet, const PacketNotes& notes, const Context& context) {
  const auto& time = packet.time;
  Noted noted{.captured = notes.arrived};
  if (notes.stated) {  // the sender's own capture time is better than any estimate from arrivals
    noted.captured = std::min(notes.stated->captured, notes.arrived);
    stated_error_ = notes.stated->error;
    note_silence(noted.captured, notes.arrived);
    return noted;
  }
  if (!time) return noted;
  noted.is_new = !packet.is_bursty || !repeated_.remember(packet.pts, packet.bytes);
  // Segments of a playlist arrive in bursts, which say nothing about the speed of the link.
  const FrameBytes bytes{.size = packet.is_bursty ? 0 : packet.bytes.size(),
                         .ended = notes.ended,
                         .waited = packet.is_bursty ? std::nullopt : notes.waited,
                         .arrived_is_end = notes.arrived_is_end};
  noted.captured = line_.place(*time, notes.arrived, bytes);
  note_clock(notes, *time, context);
  note_pace(context);
  if (program_offset_) return noted;
  auto behind = line_.behind();
  if (behind) *behind += notes.late;
  context.counters.source().set_behind(behind);
  return noted;
}

/// What was on its way when the browser was suspended arrives afterwards. On a link that is always this slow,
/// such frames are the newest that there are.
void CameraTimes::note_silence(TimePoint captured, TimePoint arrived) {
  constexpr Seconds kSilence{1};
  const bool is_after_silence = last_arrived_ && arrived - *last_arrived_ > kSilence;
  if (is_after_silence && last_age_ < kSilence) stale_before_ = arrived - to_duration(kSilence);
  last_arrived_ = arrived;
  last_age_ = arrived - captured;
}

/// Timestamps that jump belong to a new clock, so the old clock's reports are discarded.
void CameraTimes::note_clock(const PacketNotes& notes, double time, const Context& context) {
  if (notes.program_time) {
    program_offset_ = *notes.program_time - time;
  } else {
    program_offset_.reset();  // also after a discontinuity in a playlist
  }
  if (line_.begins()) {
    clock_.restart();
    line_.set_reported_pace(std::nullopt);
  }
  if (!notes.report) return;
  const double now = context.clock.unix_time(notes.arrived);
  if (!is_plausible(notes.report->utc, now)) return name_implausible(notes.report->utc);
  const auto step = clock_.add(*notes.report, now);
  line_.set_reported_pace(clock_.reported_pace());
  if (!step) return;
  context.counters.source().count_clock_step();
  std::ostringstream text;
  text << camera_ << " has set its clock " << (*step > 0 ? "forward" : "back") << " by " << std::fixed
       << std::setprecision(3) << std::abs(*step) << " s";
  log(LogLevel::Warning, text.str());
}

void CameraTimes::note_pace(const Context& context) {
  constexpr double kVisible = 0.01;
  const double pace = line_.pace();
  context.counters.source().set_pace(pace);
  if (std::abs(pace - shown_pace_) <= kVisible) return;
  shown_pace_ = pace;
  std::ostringstream text;
  text << camera_ << ": its timestamps advance at ";
  if (std::abs(pace - 1) <= kVisible) {
    text << "the rate of real time again";
  } else {
    text << std::fixed << std::setprecision(2) << pace << " times real time; ages follow the arrivals";
  }
  log(LogLevel::Warning, text.str());
}

/// Logs only once, because cameras repeat their reports.
void CameraTimes::name_implausible(double utc) {
  if (std::exchange(named_implausible_, true)) return;
  log(LogLevel::Warning, camera_ + " reports the time " + date_text(utc) +
                             ", which is ignored: utc is the time of arrival. Set the camera's clock");
}

Utc CameraTimes::find_utc(std::optional<double> time, TimePoint captured, const Context& context) {
  constexpr float kPlaylistError = 0.001F;  // seconds; playlists usually give milliseconds
  if (stated_error_) {
    return {.seconds = context.clock.unix_time(captured) + clock_offset_,
            .error = static_cast<float>(*stated_error_),
            .from = UtcFrom::Browser};
  }
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
