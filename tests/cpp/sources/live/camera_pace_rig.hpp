// Drives an arrival line and a camera's clock with a simulated trace, as a live source does.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "arrival_traces.hpp"
#include "media/stream/camera_clock.hpp"
#include "sources/live/arrival_line.hpp"

namespace freshframe::test {

/// What a connection reports about the bytes of a frame.
enum class KnownBytes : std::uint8_t {
  Nothing,  // neither sizes nor arrivals
  Sizes,    // the size, and when the first byte arrived
  All,      // also when the last byte arrived: RTSP, MPEG-TS
  Ends      // the size, and only when the last byte arrived: FLV, Matroska
};

struct DriveOptions {
  KnownBytes known = KnownBytes::All;
  std::vector<double> restarts = {};  // when the source reconnects, in seconds after the first frame
  std::optional<double> waited = {};  // seconds that the reader has waited for each frame
};

/// Times are in seconds after the arrival of the first frame.
struct PaceClaim {
  double at = 0;
  double error = 0;                // claimed age minus true age
  std::optional<double> utc = {};  // error of the wall time from the camera
  double pace = 1;
};

struct PaceChange {
  double at = 0;
  double pace = 1;
};

struct PaceDrive {
  std::vector<PaceClaim> claims;
  std::vector<PaceChange> changes;
  std::vector<double> reports;  // when they arrived
  std::optional<double> behind;

  /// The largest error in a span for claims that are too old, or too fresh; at least 0.
  [[nodiscard]] double oldest(double from, double to = 1e9) const { return largest(from, to, 1); }
  [[nodiscard]] double freshest(double from, double to = 1e9) const { return largest(from, to, -1); }
  [[nodiscard]] double worst(double from, double to = 1e9) const {
    return std::max(oldest(from, to), freshest(from, to));
  }
  [[nodiscard]] double median_error(double from, double to) const {
    std::vector<double> errors;
    for (const auto& claim : claims) {
      if (claim.at >= from && claim.at < to) errors.push_back(claim.error);
    }
    if (errors.empty()) return 0;
    std::ranges::sort(errors);
    return errors[errors.size() / 2];
  }
  [[nodiscard]] double worst_utc(double from) const {
    double worst = 0;
    for (const auto& claim : claims) {
      if (claim.at >= from && claim.utc) worst = std::max(worst, std::abs(*claim.utc));
    }
    return worst;
  }

 private:
  [[nodiscard]] double largest(double from, double to, double sign) const {
    double found = 0;
    for (const auto& claim : claims) {
      if (claim.at >= from && claim.at < to) found = std::max(found, sign * claim.error);
    }
    return found;
  }
};

inline PaceDrive drive_pace(const Trace& trace, const DriveOptions& options = {}) {
  constexpr double kUnix = 1'700'000'000;
  const auto moment = [](double seconds) { return TimePoint{} + to_duration(Seconds(1e4 + seconds)); };
  const bool by_end = options.known == KnownBytes::Ends;
  media::ArrivalLine line;
  media::CameraClock clock;
  PaceDrive out;
  double base = 1e18;  // the delay that all frames have in common
  for (const auto& frame : trace.frames)
    base = std::min(base, (by_end ? frame.last : frame.first) - frame.captured);
  const double began = trace.frames.front().first;
  std::size_t restart = 0;
  std::size_t report = 0;
  double pace = 1;
  for (const auto& frame : trace.frames) {
    const double arrived = by_end ? frame.last : frame.first;
    while (restart < options.restarts.size() && arrived >= began + options.restarts[restart]) {
      line.restart();
      clock = media::CameraClock(0, clock.center());
      ++restart;
    }
    media::FrameBytes bytes{.waited = options.waited, .arrived_is_end = by_end};
    if (options.known != KnownBytes::Nothing) bytes.size = frame.size;
    if (options.known == KnownBytes::All) bytes.ended = moment(frame.last);
    const auto placed = line.place(frame.pts, moment(arrived), bytes);
    if (line.begins()) clock.restart();
    while (report < trace.reports.size() && trace.reports[report].arrived <= arrived) {
      const auto& told = trace.reports[report++];
      static_cast<void>(clock.add({told.time, kUnix + told.wall}, kUnix + told.arrived));
      line.set_reported_pace(clock.reported_pace());
      out.reports.push_back(told.arrived - began);
    }
    const double age = Seconds(moment(arrived) - placed).count();
    PaceClaim claim{
        .at = arrived - began, .error = age - (arrived - frame.captured - base), .pace = line.pace()};
    if (const auto utc = clock.at(frame.pts)) claim.utc = utc->seconds - kUnix - frame.captured;
    out.claims.push_back(claim);
    if (line.pace() != pace) out.changes.push_back({claim.at, line.pace()});
    pace = line.pace();
  }
  out.behind = line.behind();
  return out;
}

}  // namespace freshframe::test
