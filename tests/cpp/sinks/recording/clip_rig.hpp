// A clip recorder that a test feeds, and a check of the clips that it has written.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cpp/media/files.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {

inline constexpr double kClipFps = 25;

/// A running ClipRecorder. The test feeds it; frame n has pts n / 25.
class ClipRecording {
 public:
  explicit ClipRecording(const ClipOptions& options = {.before = 2, .after = 1}) : recorder_(options) {
    hand_.clock = clock_;
    recorder_.open(hand_.context());
  }
  /// Sends the next frames, up to but not including number `end`.
  void feed(int end, int width = kWidth) {
    for (; next_ < end; ++next_)
      write_frame(recorder_, hand_, numbered_frame(next_, width), passed_ + next_ / kClipFps);
  }
  /// Adds a pause of this many seconds before the next frame.
  void pass(double seconds) { passed_ += seconds; }
  /// Calls idle() as the engine does if no frame arrives for this many seconds.
  void wait(int seconds) {
    for (int n = 0; n < seconds; ++n) {
      clock_->advance(Seconds(1));
      const auto at = recorder_.idle_at();
      if (at && *at <= clock_->now()) recorder_.idle(hand_.context());
    }
  }
  void stop() { hand_.stop.request_stop(); }
  [[nodiscard]] std::uint64_t left_out() const { return hand_.counters.drops(NodeDropCause::Stop); }
  void close() { recorder_.close(); }
  ClipRecorder& operator*() noexcept { return recorder_; }
  ClipRecorder* operator->() noexcept { return &recorder_; }

 private:
  Hand hand_;
  std::shared_ptr<SimulatedClock> clock_ = std::make_shared<SimulatedClock>();
  ClipRecorder recorder_;
  int next_ = 0;
  double passed_ = 0;
};

inline std::vector<int> from_to(int first, int last) {
  std::vector<int> numbers;
  for (int n = first; n <= last; ++n) numbers.push_back(n);
  return numbers;
}

/// Checks that a clip starts at most a second before frame `first`, ends at most a few frames after frame `last`, and
/// contains all frames between with their timestamps.
inline void expect_clip(const std::string& path, int first, int last) {
  const auto played = play(path);
  ASSERT_FALSE(played.numbers.empty()) << path;
  const int begin = played.numbers.front();
  EXPECT_LE(begin, first) << path;
  EXPECT_GT(begin, first - 26) << path;
  EXPECT_GE(played.numbers.back(), last) << path;
  EXPECT_LE(played.numbers.back(), last + 8) << path;  // frames that are stored before earlier ones
  EXPECT_EQ(played.damaged, 0U) << path;
  int late = 0;
  for (std::size_t i = 0; i < played.numbers.size(); ++i) {
    EXPECT_NEAR(played.pts[i], (played.numbers[i] - begin) / kClipFps, 0.001) << path;
    late += played.numbers[i] != begin + static_cast<int>(i) ? 1 : 0;
  }
  // After the end, a reference frame may be present although frames before it are missing.
  EXPECT_LE(late, 8) << path;
  EXPECT_GE(static_cast<int>(played.numbers.size()), last - begin + 1) << path;
}

}  // namespace freshframe::test
