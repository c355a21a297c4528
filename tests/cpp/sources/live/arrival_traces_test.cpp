// Simulates a camera that captures, timestamps and encodes, a server, a FIFO link, and a receiver.
// SPDX-License-Identifier: Apache-2.0
#include "arrival_traces.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <memory>
#include <numeric>
#include <utility>

#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

constexpr double kPacket = 1400;   // bytes
constexpr double kFirst = 1000;    // timestamp of the first frame
constexpr double kDelay = 0.0005;  // delay of each packet in seconds

double normal(TraceRandom& random, double deviation) {
  return deviation > 0 ? std::normal_distribution<double>(0, deviation)(random) : 0.0;
}

double uniform(TraceRandom& random, double from, double to) {
  return std::uniform_real_distribution<double>(from, to)(random);
}

/// Returns a random number whose logarithm is uniformly distributed.
double log_uniform(TraceRandom& random, double from, double to) {
  return std::exp(uniform(random, std::log(from), std::log(to)));
}

template <class T, std::size_t N>
T choose(TraceRandom& random, const std::array<T, N>& values) {
  return values[std::uniform_int_distribution<std::size_t>(0, N - 1)(random)];
}

bool happens(TraceRandom& random, double probability) {
  return uniform(random, 0, 1) < probability;
}

struct SentFrame {
  double captured = 0;
  double pts = 0;
  double sent = 0;
  double size = 0;
};
using SentFrames = std::vector<SentFrame>;

/// Returns random frame sizes in bytes. Keyframes are larger, and the bit rate changes from scene to scene.
std::vector<double> draw_sizes(TraceRandom& random, std::size_t count, const TraceOptions& options) {
  constexpr double kScene = 8;  // seconds
  constexpr double kSceneSpread = 0.3;
  constexpr double kSmallest = 60;
  std::vector<double> sizes(count);
  const auto per_scene = static_cast<std::size_t>(kScene * options.fps);
  double scene = 1;
  for (std::size_t i = 0; i < count; ++i) {
    if (options.scenes && i % per_scene == 0) scene = std::exp(normal(random, kSceneSpread));
    sizes[i] = std::exp(normal(random, options.spread)) * scene;
    if (options.gop > 0 && i % static_cast<std::size_t>(options.gop) == 0) sizes[i] *= options.key;
  }
  const double mean = std::accumulate(sizes.begin(), sizes.end(), 0.0) / static_cast<double>(count);
  for (auto& size : sizes)
    size = std::max(kSmallest, std::floor(size * options.bitrate / 8 / options.fps / mean));
  return sizes;
}

double skip(const TraceSpans& stalls, double time) {
  const auto after = std::ranges::upper_bound(stalls, time, {}, &TraceSpan::from);
  return after != stalls.begin() && time < std::prev(after)->to ? std::prev(after)->to : time;
}

SentFrames capture_frames(TraceRandom& random, const TraceOptions& options) {
  constexpr double kCaptureJitter = 0.0005;
  SentFrames frames;
  double time = 0;
  while (time < options.seconds) {
    const bool is_night = options.night && time >= options.night->from;
    frames.push_back({.captured = time + normal(random, kCaptureJitter)});
    time = skip(options.hiccups, time + 1 / (is_night ? options.night->to : options.fps));
  }
  const auto sizes = draw_sizes(random, frames.size(), options);
  const double mean = std::accumulate(sizes.begin(), sizes.end(), 0.0) / static_cast<double>(sizes.size());
  double stamp = kFirst;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    auto& frame = frames[i];
    const double step = i == 0 ? 0 : frame.captured - frames[i - 1].captured;
    stamp += step * (options.pace ? options.pace(frame.captured) : 1);
    frame.pts = options.restamp > 0 ? kFirst + static_cast<double>(i) / options.restamp : stamp;
    if (frame.captured > options.clock_step.from) frame.pts += options.clock_step.to;
    frame.size = sizes[i];
    frame.sent = frame.captured + 0.02 + std::abs(normal(random, options.jitter)) + 0.0013 * sizes[i] / mean;
  }
  return frames;
}

/// Reorders frames for coding with B-frames (P B B P): each reference comes before its B-frames.
SentFrames reorder(const SentFrames& frames, TraceRandom& random, const TraceOptions& options) {
  const auto step = static_cast<std::size_t>(options.b_frames) + 1;
  SentFrames coded;
  for (std::size_t i = 0; i + step <= frames.size(); i += step) {
    coded.push_back(frames[i + step - 1]);
    for (std::size_t k = i; k + 1 < i + step; ++k) {
      coded.push_back(frames[k]);
      coded.back().size = std::max(60.0, coded.back().size / 4);
    }
  }
  const double wait = static_cast<double>(options.b_frames) / options.fps;
  for (std::size_t i = 0; i < coded.size(); ++i) {
    const double slot = frames[i].captured + wait;
    coded[i].sent = std::max(slot, coded[i].captured) + 0.02 + std::abs(normal(random, options.jitter));
  }
  return coded;
}

/// Delays frames so that none overtakes an earlier one.
void keep_order(SentFrames& frames) {
  for (std::size_t i = 1; i < frames.size(); ++i)
    frames[i].sent = std::max(frames[i].sent, frames[i - 1].sent);
}

void compute_slowly(SentFrames& frames, TraceRandom& random, double fps) {
  double free = -1e9;
  for (auto& frame : frames) {
    free = std::max(free, frame.sent) + (1 + normal(random, 0.02)) / fps;
    frame.sent = free;
  }
}

void keep_backlog(SentFrames& frames, const TraceOptions& options) {
  const double first = frames.front().captured;
  for (auto& frame : frames) {
    frame.sent = std::max(frame.sent, options.backlog);
    if (options.backlog_rate > 0)
      frame.sent = std::max(frame.sent, options.backlog + (frame.captured - first) / options.backlog_rate);
  }
}

/// Simulates a link that sends frames in order. `rate`: bytes per second.
std::vector<TraceFrame> pass_link(const SentFrames& frames, const OfTime& rate, const TraceOptions& options) {
  auto stalls = options.stalls;
  std::ranges::sort(stalls, {}, &TraceSpan::from);
  std::vector<TraceFrame> out;
  double free = -1e9;
  for (const auto& frame : frames) {
    double begin = std::max(frame.sent, free);
    if (options.bound && begin - frame.sent > *options.bound) continue;
    begin = skip(stalls, begin);
    const double now = rate(begin);
    const double end = skip(stalls, begin + frame.size / now);
    const double first = begin + std::min(frame.size, kPacket) / now + kDelay;
    out.push_back({.captured = frame.captured,
                   .pts = frame.pts,
                   .first = first,
                   .last = std::max(end + kDelay, first),
                   .size = static_cast<std::size_t>(frame.size)});
    free = end;
  }
  return out;
}

void spread_packets(std::vector<TraceFrame>& frames, double fps) {
  constexpr double kPart = 0.9;  // fraction of the interval
  for (std::size_t i = 0; i < frames.size(); ++i) {
    auto& frame = frames[i];
    const double size = std::max(static_cast<double>(frame.size), kPacket + 1);
    const double end = frame.first + kPart / fps * (1 - kPacket / size);
    const double next = i + 1 < frames.size() ? frames[i + 1].first : end;
    frame.last = std::max(frame.last, std::min(end, next));
  }
}

/// Delays arrivals to the times at which the receiver reads.
void receive(std::vector<TraceFrame>& frames, const TraceOptions& options) {
  const auto read = [&](double time) {
    if (options.chunk > 0) time = std::ceil(time / options.chunk) * options.chunk;
    for (const auto& pause : options.pauses) {
      if (time >= pause.from && time < pause.to) time = pause.to;
    }
    return time;
  };
  double first = 0;
  double last = 0;
  for (auto& frame : frames) {
    if (frame.captured > options.held.from && frame.captured < options.held.to) {
      frame.first += options.held_by;
      frame.last += options.held_by;
    }
    first = frame.first = std::max(first, read(frame.first));
    last = frame.last = std::max({last, first, read(frame.last)});
  }
}

/// Interpolates y at x linearly. `points` must be sorted by x.
double interpolate(const std::vector<std::pair<double, double>>& points, double x) {
  const auto after = std::ranges::lower_bound(points, std::pair(x, -1e18));
  if (after == points.begin()) return after->second;
  if (after == points.end()) return points.back().second;
  const auto& before = *std::prev(after);
  return before.second + (after->second - before.second) * (x - before.first) / (after->first - before.first);
}

void add_reports(Trace& trace, TraceRandom& random, const TraceOptions& options) {
  constexpr double kFirstReport = 1.5;  // seconds
  const auto& frames = trace.frames;
  std::vector<std::pair<double, double>> stamps;  // by time of capture
  std::vector<std::pair<double, double>> known;   // by time of arrival
  for (const auto& frame : frames) {
    stamps.emplace_back(frame.captured, frame.pts);
    known.emplace_back(frame.first, frame.pts);
  }
  std::ranges::sort(stamps);
  double time = kFirstReport;
  while (time < options.seconds) {
    const auto place =
        std::ranges::find_if(frames, [&](const auto& frame) { return frame.captured >= time; });
    if (place == frames.end()) break;
    double stamp = interpolate(stamps, time);
    double wall = time;
    const auto kind = options.reports;
    if (kind == TraceReports::LastPacket && place != frames.begin()) stamp = std::prev(place)->pts;
    if (kind == TraceReports::OfStamps) wall = stamp - kFirst;
    if (kind == TraceReports::OfRelay) stamp = interpolate(known, time);
    if (kind == TraceReports::FirstWrong && trace.reports.empty()) wall += 3600;
    const bool is_apart = options.cpu > 0 || kind == TraceReports::OfRelay;  // reports overtake frames
    const double arrived = is_apart ? time + 0.01 : place->first;
    trace.reports.push_back({.arrived = arrived, .wall = wall + normal(random, 0.001), .time = stamp});
    time += options.report_every;
  }
  std::ranges::sort(trace.reports, {}, &media::ReportedPace::Report::arrived);
}

}  // namespace

Trace make_trace(const TraceOptions& options) {
  TraceRandom random(options.seed);
  auto frames = capture_frames(random, options);
  if (options.b_frames > 0) frames = reorder(frames, random, options);
  keep_order(frames);
  if (options.drops > 0) {
    std::erase_if(frames, [&](const auto& frame) {
      return &frame != &frames.front() && happens(random, options.drops);
    });
  }
  if (options.cpu > 0) compute_slowly(frames, random, options.cpu);
  if (options.backlog > 0) keep_backlog(frames, options);
  const double mean_rate = options.bitrate / 8;
  OfTime rate = [speed = options.mbit * 1e6 / 8](double) { return speed; };
  if (options.rate) rate = [&](double time) { return mean_rate * options.rate(time); };
  if (options.upstream) rate = [&](double time) { return mean_rate * options.upstream(time); };
  Trace trace{.frames = pass_link(frames, rate, options), .reports = {}};
  if (options.paced) spread_packets(trace.frames, options.fps);
  receive(trace.frames, options);
  double base = 1e18;
  for (const auto& frame : trace.frames) base = std::min(base, frame.first - frame.captured);
  for (auto& frame : trace.frames) frame.age = frame.first - frame.captured - base;
  if (options.reports != TraceReports::None) add_reports(trace, random, options);
  return trace;
}

TraceSpans draw_wifi(std::uint64_t seed, double seconds, double every) {
  constexpr double kShortest = 0.03;
  constexpr double kLongest = 0.4;
  TraceRandom random(seed);
  TraceSpans spans;
  for (double time = 0; time < seconds + 400;) {
    time += std::exponential_distribution<double>(1 / every)(random);
    const double length = std::pow(uniform(random, kShortest, kLongest), 2) / kLongest;
    spans.push_back({time, time + length});
    time += length;
  }
  return spans;
}

void add_sawtooth(TraceOptions& options, double share, double period) {
  constexpr double kSeconds = 2000;
  TraceRandom random(options.seed + 1'000'000);
  TraceSpans teeth;
  for (double time = 0; time < kSeconds;) {
    const double length = uniform(random, 0.5, 1.5) * period;
    teeth.push_back({time, time + length});
    options.stalls.push_back({time, time + uniform(random, 0.05, 0.25)});
    time += length;
  }
  options.rate = [share, teeth = std::move(teeth)](double time) {
    const auto after = std::ranges::upper_bound(teeth, time, {}, &TraceSpan::from);
    const auto& tooth = after == teeth.begin() ? teeth.front() : *std::prev(after);
    const double part = std::clamp((time - tooth.from) / (tooth.to - tooth.from), 0.0, 1.0);
    return share * (0.667 + 0.667 * part);
  };
}

namespace {

TraceOptions draw_camera(TraceRandom& random, std::uint64_t seed) {
  TraceOptions options{.seed = seed, .seconds = 70};
  options.fps = choose(random, std::array{5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 50.0});
  options.bitrate = log_uniform(random, 1e5, 2e7);
  options.gop = choose(random, std::array{0, 12, 25, 50, 100, 250});
  options.key = log_uniform(random, 1.5, 30);
  options.spread = choose(random, std::array{0.0, 0.02, 0.1, 0.25, 0.5});
  options.scenes = happens(random, 0.5);
  options.jitter = log_uniform(random, 5e-4, 0.02);
  options.b_frames = choose(random, std::array{0, 0, 0, 2});
  if (happens(random, 0.4)) options.stalls = draw_wifi(seed + 2'000'000, 400, uniform(random, 0.5, 5));
  if (happens(random, 0.3)) options.chunk = choose(random, std::array{0.01, 0.04, 0.1});
  options.mbit = std::max(10.0, 4 * options.bitrate / 1e6);
  return options;
}

}  // namespace

TraceOptions draw_full_link(std::uint64_t seed) {
  TraceRandom random(2 * seed + 1);
  auto options = draw_camera(random, seed);
  const double share = uniform(random, 0.5, 0.97);
  const int kind = choose(random, std::array{0, 1, 2});
  const double start = uniform(random, 5, 30);
  if (kind == 0) options.rate = [share](double) { return share; };
  if (kind == 1) add_sawtooth(options, share, uniform(random, 0.5, 8));
  if (kind == 2) options.rate = [=](double time) { return time > start ? share : 4.0; };
  if (happens(random, 0.3)) options.bound = choose(random, std::array{1.0, 5.0, 20.0});
  return options;
}

TraceOptions draw_wrong_pace(std::uint64_t seed) {
  TraceRandom random(2 * seed);
  auto options = draw_camera(random, seed);
  const double pace = choose(random, std::array{0.5, 0.8, 0.84, 0.92, 0.96, 0.98});
  options.pace = [pace](double) { return pace; };
  options.paced = happens(random, 0.3);
  if (happens(random, 0.3)) options.rate = [share = uniform(random, 1.3, 3)](double) { return share; };
  return options;
}

namespace {

double age_at(const Trace& trace, double time) {
  const auto place =
      std::ranges::find_if(trace.frames, [time](const auto& frame) { return frame.captured >= time; });
  return place == trace.frames.end() ? -1 : place->age;
}

TEST(ArrivalTraces, ALinkThatIsFullDelaysByTheShareThatItDoesNotCarry) {
  const auto trace = make_trace({.rate = [](double) { return 0.8; }});
  EXPECT_NEAR(age_at(trace, 100), 25, 6);  // 100 s of video take 125 s on the link
  EXPECT_NEAR(age_at(make_trace({.seconds = 120}), 100), 0, 0.1);
}

TEST(ArrivalTraces, AWrongPaceDelaysNothing) {
  const auto trace = make_trace({.fps = 20, .pace = [](double) { return 0.8; }});
  EXPECT_NEAR(age_at(trace, 100), 0, 0.1);
  const auto& last = trace.frames.back();
  EXPECT_NEAR(last.pts - trace.frames.front().pts, 0.8 * (last.captured - trace.frames.front().captured),
              0.1);
}

TEST(ArrivalTraces, TheSameSeedGivesTheSameTrace) {
  const auto one = make_trace(draw_full_link(7));
  const auto other = make_trace(draw_full_link(7));
  ASSERT_EQ(one.frames.size(), other.frames.size());
  EXPECT_EQ(one.frames.back().last, other.frames.back().last);
  EXPECT_NE(one.frames.back().last, make_trace(draw_full_link(8)).frames.back().last);
}

}  // namespace
}  // namespace freshframe::test
