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
  OfStamps,    // a wall time computed from the timestamps
  OfRelay,     // a relay's wall time, with the timestamp that it has received by then
  FirstWrong,  // True, but the first one is off by an hour
  LastPacket,  // the wall time of the report, with the timestamp of the last packet
};

/// A camera, its network, and its receiver. Times are in seconds.
struct TraceOptions {
  std::uint64_t seed = 0;
  double seconds = 120;
  double fps = 25;                  // true frames per second
  OfTime pace = {};                 // seconds of timestamps per second; empty: 1
  double restamp = 0;               // if not 0, timestamps count frames, at this frame rate
  TraceSpan clock_step = {1e9, 0};  // timestamps are increased by .to from .from on
  TraceSpans hiccups = {};          // when the camera captures nothing

  double bitrate = 2e6;
  int gop = 25;
  double key = 10;       // size of a keyframe, relative to other frames
  double spread = 0.25;  // relative spread of sizes
  bool scenes = true;    // the bit rate changes every eight seconds
  int b_frames = 0;
  std::optional<TraceSpan> night = {};  // the frame rate is .to from .from on

  double jitter = 0.002;
  double mbit = 50;                  // rate of the link in Mbit/s, unless `rate` is given
  OfTime rate = {};                  // rate of the link, as a fraction of the stream's mean bit rate
  OfTime upstream = {};              // the same for a link upstream of the server
  TraceSpans stalls = {};            // when nothing passes the link
  std::optional<double> bound = {};  // limit of the link's queue in seconds; further frames are dropped
  double drops = 0;                  // fraction of dropped frames
  bool paced = false;                // the sender spreads a frame's packets over its interval
  double cpu = 0;                    // frames per second of a slow server with an unlimited queue; 0: none
  double backlog = 0;                // seconds of video that a server has stored when the receiver joins
  double backlog_rate = 0;           // speed at which it sends them, relative to real time; 0: immediately
  double chunk = 0;                  // interval of the bursts in which the receiver reads
  TraceSpans pauses = {};            // when the receiver is suspended
  TraceSpan held = {};  // when frames are captured that arrive `held_by` late, for no visible reason
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
  double age = 0;  // at `first`, without the delay that all frames have in common
};

struct Trace {
  std::vector<TraceFrame> frames;                    // in order of arrival
  std::vector<media::ReportedPace::Report> reports;  // in order of arrival
};

[[nodiscard]] Trace make_trace(const TraceOptions& options);

/// Returns short stalls at random times, as on Wi-Fi.
[[nodiscard]] TraceSpans draw_wifi(std::uint64_t seed, double seconds, double every = 3);
/// Sets the rate and the stalls to those of a TCP connection, whose rate drops at each loss and then grows again.
void add_sawtooth(TraceOptions& options, double share, double period = 4);

/// Returns a random camera on a full link, or one with a wrong pace.
[[nodiscard]] TraceOptions draw_full_link(std::uint64_t seed);
[[nodiscard]] TraceOptions draw_wrong_pace(std::uint64_t seed);

}  // namespace freshframe::test
