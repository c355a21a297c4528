// The capture times of a live source's frames never decrease, whatever moves the line that they are computed from.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "arrival_traces.hpp"
#include "camera_pace_rig.hpp"
#include "cpp/core/test_frames.hpp"
#include "sources/live/reconnecting_source.hpp"
#include "sources/network/camera_times.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

constexpr double kStart = 1e4;             // seconds of the simulated clock
constexpr double kUnix = 1'700'000'000;    // Unix time of its start
constexpr std::size_t kMostReordered = 4;  // frames that the decoder holds back

TimePoint trace_moment(double seconds) {
  return TimePoint{} + to_duration(Seconds(kStart + seconds));
}

/// A clock that jumps to the end of each wait, and to the arrival of each frame.
class TraceClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return now_; }
  bool wait_until(std::unique_lock<std::mutex>& /*lock*/, std::condition_variable& /*condition*/,
                  TimePoint deadline, const std::function<bool()>& ready) const override {
    if (!ready()) go_to(deadline);
    return ready();
  }
  void go_to(TimePoint time) const { now_ = std::max(now_, time); }

 private:
  mutable TimePoint now_{};
};

struct OrderOptions {
  TraceOptions trace;
  std::vector<double> outages = {};  // seconds after the first frame at which the connection is lost
  double stated_jump = 0;            // seconds by which the sender's stated times go back, halfway; 0: none
};

/// A live source whose packets arrive as in a trace, and whose decoder returns frames in order of their pts.
class TracedCamera final : public media::ReconnectingSource {
 public:
  explicit TracedCamera(OrderOptions options, const TraceClock& clock)
      : ReconnectingSource("camera 'x'", media::Reconnect::Always),
        options_(std::move(options)),
        clock_(clock),
        trace_(make_trace(options_.trace)) {}

  [[nodiscard]] std::string url() const override { return "x"; }
  /// The estimates that the frames were delivered with.
  std::vector<TimePoint> estimates;

 protected:
  void connect(const Context& /*context*/) override { times_.connect(0); }
  void disconnect() override {
    held_.clear();
    times_.disconnect();
  }
  std::optional<SourceItem<Frame>> next(const Context& context) override {
    if (next_ == trace_.frames.size()) {
      finish();
      return std::nullopt;
    }
    const auto& frame = trace_.frames[next_++];
    clock_.go_to(trace_moment(frame.first));
    if (outage_ < options_.outages.size() &&
        frame.first >= trace_.frames.front().first + options_.outages[outage_]) {
      ++outage_;
      throw SourceError("lost 'x'", "x", ECONNRESET);
    }
    if (trace_moment(frame.first) < clock_.now()) return std::nullopt;  // sent during the outage
    held_.push_back({frame.pts, note(frame, context)});
    const std::size_t most = options_.trace.b_frames > 0 ? kMostReordered : 0;
    if (held_.size() <= most) return std::nullopt;
    const auto first = std::ranges::min_element(held_, {}, &Held::pts);
    const auto held = *first;
    held_.erase(first);
    note_frame(context);
    estimates.push_back(held.captured);
    return SourceItem<Frame>{
        .value = gray_frame(1), .pts = held.pts, .captured = note_captured(held.captured)};
  }

 private:
  struct Held {
    double pts = 0;
    TimePoint captured{};
  };

  TimePoint note(const TraceFrame& frame, const Context& context) {
    media::PacketNotes notes{.arrived = trace_moment(frame.first), .ended = trace_moment(frame.last)};
    while (report_ < trace_.reports.size() && trace_.reports[report_].arrived <= frame.first) {
      const auto& told = trace_.reports[report_++];
      notes.report = {told.time, kUnix + told.wall};
    }
    if (options_.stated_jump != 0) {
      const bool jumps = next_ > trace_.frames.size() / 2;
      notes.stated = {.captured = trace_moment(frame.captured - (jumps ? options_.stated_jump : 0)),
                      .error = 0.001};
    }
    const std::string bytes(frame.size, 'x');
    return times_
        .note({.pts = static_cast<std::int64_t>(next_), .time = frame.pts, .bytes = bytes}, notes, context)
        .captured;
  }

  const OrderOptions options_;
  const TraceClock& clock_;
  const Trace trace_;
  media::CameraTimes times_{"camera 'x'", 0};
  std::deque<Held> held_;
  std::size_t next_ = 0;
  std::size_t report_ = 0;
  std::size_t outage_ = 0;
};

struct OrderCase {
  std::string name;
  OrderOptions options;
  bool moves_back = false;  // the estimates themselves go back, so the case can fail
};

struct Order {
  std::size_t frames = 0;
  double most_back = 0;            // seconds by which a frame was captured before the previous one
  double most_estimated_back = 0;  // of the estimates
};

Order drive_order(const OrderOptions& options) {
  const TraceClock clock;
  const std::stop_source stop;
  NodeCounters counters;
  const Context context{stop.get_token(), clock, counters};
  TracedCamera camera(options, clock);
  camera.open(context);
  Order order;
  std::optional<TimePoint> before;
  while (const auto item = camera.read(context)) {
    if (before) order.most_back = std::max(order.most_back, Seconds(*before - item->captured).count());
    before = item->captured;
    ++order.frames;
  }
  for (std::size_t i = 1; i < camera.estimates.size(); ++i) {
    order.most_estimated_back =
        std::max(order.most_estimated_back, Seconds(camera.estimates[i - 1] - camera.estimates[i]).count());
  }
  return order;
}

OfTime pace_until(double time, double before, double after) {
  return [=](double at) { return at < time ? before : after; };
}

/// Every place at which the judgement of the pace, the clocks or a connection changes.
std::vector<OrderCase> order_cases(std::uint64_t seed) {
  const auto pace = [](double value) { return [value](double) { return value; }; };
  const auto full = [](double from, double to) {
    return [=](double time) { return time >= from && time < to ? 0.7 : 5.0; };
  };
  return {
      {"exact", {.trace = {.seed = seed}}},
      {"exact, B-frames", {.trace = {.seed = seed, .b_frames = 2}}},
      {"a pace is found", {.trace = {.seed = seed, .fps = 20, .pace = pace(0.8)}}},
      {"a pace is found, B-frames", {.trace = {.seed = seed, .fps = 20, .pace = pace(0.8), .b_frames = 2}}},
      {"fast stamps", {.trace = {.seed = seed, .pace = pace(1.25)}}},
      {"a pace changes", {.trace = {.seed = seed, .fps = 20, .pace = pace_until(60, 0.8, 1)}}},
      {"a pace gets worse", {.trace = {.seed = seed, .fps = 20, .pace = pace_until(60, 0.96, 0.5)}}},
      {"reports take a pace back", {.trace = {.seed = seed, .cpu = 20, .reports = TraceReports::True}}},
      {"reports take a pace back that they had confirmed",
       {.trace = {.seed = seed,
                  .seconds = 180,
                  .fps = 20,
                  .pace = pace_until(60, 0.8, 1),
                  .reports = TraceReports::True}}},
      {"a stall", {.trace = {.seed = seed, .stalls = {{10, 13}, {30, 31}}}}},
      {"a stall before a pace is found",
       {.trace = {.seed = seed, .fps = 20, .pace = pace(0.8), .stalls = {{1, 5}}}}},
      {"a stall of a known pace",
       {.trace = {.seed = seed, .fps = 20, .pace = pace(0.8), .stalls = {{30, 36}}}}},
      {"the receiver was stopped", {.trace = {.seed = seed, .pauses = {{2, 4.5}, {40, 43}}}}},
      {"the link is full", {.trace = {.seed = seed, .rate = full(30, 90)}}},
      {"the link is full for minutes", {.trace = {.seed = seed, .seconds = 300, .rate = full(0, 200)}}},
      {"Wi-Fi", {.trace = {.seed = seed, .fps = 20, .pace = pace(0.8), .stalls = draw_wifi(seed, 130)}}},
      {"a backlog at once", {.trace = {.seed = seed, .backlog = 3}}},
      {"a backlog that is given away", {.trace = {.seed = seed, .backlog = 8, .backlog_rate = 1.25}}},
      {"timestamps jump on", {.trace = {.seed = seed, .clock_step = {60, 3600}}}},
      {"timestamps jump back", {.trace = {.seed = seed, .clock_step = {60, -20}}}},
      {"timestamps jump back a little", {.trace = {.seed = seed, .clock_step = {60, -0.8}}}, true},
      {"the connection is lost", {.trace = {.seed = seed}, .outages = {20, 21, 60}}},
      {"the connection is lost behind a full link",
       {.trace = {.seed = seed, .rate = full(0, 200)}, .outages = {50, 90}}},
      {"the connection of a wrong pace is lost",
       {.trace = {.seed = seed, .fps = 20, .pace = pace(0.8), .b_frames = 2}, .outages = {2, 30}},
       true},
      {"the sender's times go back", {.trace = {.seed = seed}, .stated_jump = 0.5}, true},
  };
}

TEST(CaptureOrder, NeverGoesBackWhateverMovesTheEstimate) {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    for (const auto& [name, options, moves_back] : order_cases(seed)) {
      const auto order = drive_order(options);
      EXPECT_GT(order.frames, 500U) << name;
      EXPECT_LE(order.most_back, 0) << name << ", seed " << seed;
      EXPECT_TRUE(!moves_back || order.most_estimated_back > 0.05) << name << ": the case cannot fail";
    }
  }
}

TEST(CaptureOrder, NeverGoesBackOnRandomTraces) {
  int moved_back = 0;
  for (std::uint64_t seed = 30'000; seed < 30'100; ++seed) {
    for (auto options : {draw_full_link(seed), draw_wrong_pace(seed)}) {
      options.reports = seed % 2 == 0 ? TraceReports::True : TraceReports::None;
      const auto order = drive_order({.trace = options, .outages = {static_cast<double>(seed % 60)}});
      EXPECT_LE(order.most_back, 0) << seed;
      moved_back += order.most_estimated_back > 0.05 ? 1 : 0;
    }
  }
  EXPECT_GE(moved_back, 10) << "the traces cannot fail";
}

}  // namespace
}  // namespace freshframe::test
