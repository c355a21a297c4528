// Simulated arrivals of a camera's frames, with the true age of each.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <vector>

#include "media/stream/reported_pace.hpp"

namespace freshframe::test {

using TraceRandom = std::mt19937_64;
using OfTime = std::function<double(double time)>;

/// From one time to another, in seconds.
struct TraceSpan {
  double from = 0;
  double to = 0;
};
using TraceSpans = std::vector<TraceSpan>;

enum class TraceReports : std::uint8_t {
  None,
  True,        // the camera's wall time
  OfStamps,    // a wall time that was computed from the timestamps
  OfRelay,     // the relay's wall time, with the timestamp that it has at that moment
  FirstWrong,  // true, but the first one is wrong by an hour
  LastPacket,  // the wall time of the report, with the timestamp of the last packet
};

/// A camera, its network, and its receiver. Times are in seconds.
struct TraceOptions {
  std::uint64_t seed = 0;
  double seconds = 120;
  double fps = 25;                  // true frames per second
  OfTime pace = {};                 // stamped seconds per second; empty: 1
  double restamp = 0;               // timestamps that count frames, so many per second; 0: no
  TraceSpan clock_step = {1e9, 0};  // from .from on, timestamps are .to later

  double bitrate = 2e6;
  int gop = 25;
  double key = 10;       // times the size of another frame
  double spread = 0.25;  // of sizes
  bool scenes = true;    // the bit rate changes every eight seconds
  int b_frames = 0;
  std::optional<TraceSpan> night = {};  // from .from on, .to frames per second

  double jitter = 0.002;
  double mbit = 50;                  // of the link, unless `rate` is given
  OfTime rate = {};                  // of the link, in shares of the mean bit rate
  OfTime upstream = {};              // of a link before the server, the same
  TraceSpans stalls = {};            // nothing passes the link
  std::optional<double> bound = {};  // seconds that the queue of the link holds: further frames are dropped
  double drops = 0;                  // share of frames
  bool paced = false;                // the sender spreads a frame's packets over its interval
  double cpu = 0;                    // frames per second of a slow server, whose queue has no end; 0: none
  double backlog = 0;                // seconds that a server has kept when the receiver joins
  double backlog_rate = 0;           // times real time at which it sends them; 0: immediately
  double chunk = 0;                  // the receiver gets bytes in bursts this far apart
  TraceSpans pauses = {};            // the receiver was stopped
  TraceSpan held = {};  // frames that are captured in it are `held_by` late, and nothing explains why
  double held_by = 0;

  TraceReports reports = TraceReports::None;
  double report_every = 5;
};

struct TraceFrame {
  double captured = 0;
  double pts = 0;
  double first = 0;  // arrival of the first packet
  double last = 0;   // arrival of the last packet
  std::size_t size = 0;
  double age = 0;  // at `first`, without the part that all frames have in common
};

struct Trace {
  std::vector<TraceFrame> frames;                    // in the order of arrival
  std::vector<media::ReportedPace::Report> reports;  // the same
};

[[nodiscard]] Trace make_trace(const TraceOptions& options);

/// Short stalls at random times, as on Wi-Fi.
[[nodiscard]] TraceSpans draw_wifi(std::uint64_t seed, double seconds, double every = 3);
/// The rate of a TCP connection, which falls at each loss and grows again: `options` gets its rate and its stalls.
void add_sawtooth(TraceOptions& options, double share, double period = 4);

/// A random camera behind a full link, or with a wrong pace.
[[nodiscard]] TraceOptions draw_full_link(std::uint64_t seed);
[[nodiscard]] TraceOptions draw_wrong_pace(std::uint64_t seed);

}  // namespace freshframe::test
