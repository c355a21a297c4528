// Clips: the frames before and after an event, each with its time.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "cpp/media/files.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

constexpr double kFps = 25;

/// A running recorder that the test feeds. Frame n has pts n / 25.
class Recording {
 public:
  explicit Recording(const ClipOptions& options = {.before = 2, .after = 1}) : recorder_(options) {
    hand_.clock = clock_;
    recorder_.open(hand_.context());
  }
  /// Sends the frames up to, but without, number `end`.
  void feed(int end, int width = kWidth) {
    for (; next_ < end; ++next_)
      write_frame(recorder_, hand_, numbered_frame(next_, width), passed_ + next_ / kFps);
  }
  /// Sends no frame for this number of seconds.
  void pass(double seconds) { passed_ += seconds; }
  /// The engine's calls while no frame arrives for this number of seconds.
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

std::vector<int> from_to(int first, int last) {
  std::vector<int> numbers;
  for (int n = first; n <= last; ++n) numbers.push_back(n);
  return numbers;
}

/// The clip holds frames from `first` or up to a second before, to `last` or a few later. None is missing,
/// and each has its time.
void expect_clip(const std::string& path, int first, int last) {
  const auto played = play(path);
  ASSERT_FALSE(played.numbers.empty()) << path;
  const int begin = played.numbers.front();
  EXPECT_LE(begin, first) << path;
  EXPECT_GT(begin, first - 26) << path;
  EXPECT_GE(played.numbers.back(), last) << path;
  EXPECT_LE(played.numbers.back(), last + 8) << path;  // a few that are decoded earlier than shown
  EXPECT_EQ(played.damaged, 0U) << path;
  int late = 0;
  for (std::size_t i = 0; i < played.numbers.size(); ++i) {
    EXPECT_NEAR(played.pts[i], (played.numbers[i] - begin) / kFps, 0.001) << path;
    late += played.numbers[i] != begin + static_cast<int>(i) ? 1 : 0;
  }
  // After the end, a reference frame may be present although frames before it are missing.
  EXPECT_LE(late, 8) << path;
  EXPECT_GE(static_cast<int>(played.numbers.size()), last - begin + 1) << path;
}

TEST(MediaClips, HoldTheSecondsBeforeAndAfterTheirEvent) {
  for (const std::string suffix : {"mp4", "mov", "mkv"}) {
    const Folder folder;
    Recording recording;
    recording.feed(200);
    recording->save(folder.file("a." + suffix));
    recording.feed(300);
    recording.close();
    expect_clip(folder.file("a." + suffix), 150, 225);
  }
}

TEST(MediaClips, BeginAtAnEventThatIsPast) {
  const Folder folder;
  Recording recording;
  recording.feed(200);
  recording->save(folder.file("a.mp4"), 180 / kFps);
  recording.feed(300);
  recording.close();
  expect_clip(folder.file("a.mp4"), 130, 205);
}

TEST(MediaClips, EndSoonAfterAnEventThatIsLongPast) {
  const Folder folder;
  Recording recording({.before = 10, .after = 1});
  recording.feed(240);
  recording->save(folder.file("a.mp4"), 100 / kFps);
  recording.feed(241);
  EXPECT_TRUE(recording->writing().empty());
  recording.close();
  expect_clip(folder.file("a.mp4"), 0, 125);
}

TEST(MediaClips, OfAnEventToComeBeginBeforeIt) {
  const Folder folder;
  Recording recording;
  recording.feed(10);
  recording->save(folder.file("a.mp4"), 200 / kFps);
  recording.feed(300);
  recording.close();
  expect_clip(folder.file("a.mp4"), 150, 225);
}

TEST(MediaClips, BeginInTimeWithACodecThatHoldsManyFrames) {
  for (const std::string codec : {"h265", "vp9"}) {
    const Folder folder;
    Recording recording({.before = 0.2, .after = 0.5, .codec = codec});
    recording.feed(60);
    recording->save(folder.file("a.mkv"));
    recording.feed(140);
    recording.close();
    const auto played = play(folder.file("a.mkv"));
    EXPECT_EQ(played.numbers.front(), 50) << codec;  // the key frame before 55
  }
}

TEST(MediaClips, OfATimeWithoutFramesLeaveTheFileAsItIs) {
  for (const double at : {-1e300, -100.0, 0.0, 1000.0, 1e300}) {
    const Folder folder;
    const auto path = folder.file("a.mp4");
    write_bytes(path, {'o', 'l', 'd'});
    Recording recording;
    recording.feed(200);
    recording->save(path, at);
    recording.feed(300);
    recording.close();
    EXPECT_EQ(read_bytes(path), (Bytes{'o', 'l', 'd'})) << at;
  }
}

TEST(MediaClips, AreOneClipByAnyNameOfTheFile) {
  const Folder folder;
  Recording recording;
  recording.feed(100);
  recording->save(folder.file("a.mp4"));
  recording->save(folder.file("./a.mp4"));
  recording.feed(120);
  recording->save(folder.file(
      "../" + std::filesystem::path(folder.file("")).parent_path().filename().string() + "/a.mp4"));
  EXPECT_EQ(recording->writing(), std::vector<std::string>{folder.file("a.mp4")});
  recording.feed(300);
  recording.close();
  expect_clip(folder.file("a.mp4"), 50, 145);
}

TEST(MediaClips, OfAFileThatAnotherWritesAreRefused) {
  const Folder folder;
  Hand hand;
  VideoFile file(folder.file("a.mp4"));
  file.open(hand.context());
  Recording recording;
  Recording other;
  EXPECT_THROW(recording->save(folder.file("a.mp4")), Error);
  recording->save(folder.file("b.mp4"));
  EXPECT_THROW(other->save(folder.file("b.mp4")), Error);
  EXPECT_TRUE(other->writing().empty());
  file.close();
  recording->save(folder.file("a.mp4"));
}

TEST(MediaClips, ThatFailDoNotHinderOthers) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP();
  const Folder folder;
  std::filesystem::create_symlink("/dev/full", folder.file("full.mkv"));
  Hand hand;
  ClipRecorder recorder({.before = 2, .after = 60});
  recorder.open(hand.context());
  int failed = 0;
  for (int n = 0; n < 150; ++n) {
    if (n == 20) {
      for (const std::string name : {"full.mkv", "a.mp4", "b.mp4"}) recorder.save(folder.file(name));
    }
    try {
      write_frame(recorder, hand, numbered_frame(n), n / kFps);
    } catch (const Error&) {
      ++failed;
    }
  }
  try {
    recorder.close();
  } catch (const Error&) {
    ++failed;
  }
  EXPECT_EQ(failed, 1);
  EXPECT_TRUE(recorder.writing().empty());
  EXPECT_EQ(play(folder.file("a.mp4")).numbers, from_to(0, 149));
  EXPECT_EQ(play(folder.file("b.mp4")).numbers, from_to(0, 149));
}

TEST(MediaClips, OverlapAndAreEncodedOnce) {
  const Folder folder;
  Recording recording;
  recording.feed(100);
  recording->save(folder.file("a.mp4"));
  recording.feed(110);
  recording->save(folder.file("b.mp4"));
  recording.feed(111);
  EXPECT_EQ(recording->writing(), (std::vector<std::string>{folder.file("a.mp4"), folder.file("b.mp4")}));
  recording.feed(250);
  EXPECT_TRUE(recording->writing().empty());
  recording.close();
  expect_clip(folder.file("a.mp4"), 50, 125);
  expect_clip(folder.file("b.mp4"), 60, 135);
}

TEST(MediaClips, BecomeLongerByASecondEvent) {
  const Folder folder;
  Recording recording;
  recording.feed(100);
  recording->save(folder.file("a.mp4"));
  recording.feed(120);
  recording->save(folder.file("a.mp4"));
  recording.feed(300);
  recording.close();
  expect_clip(folder.file("a.mp4"), 50, 145);
}

TEST(MediaClips, ReplaceAFileOnlyWhenTheyBegin) {
  const Folder folder;
  const auto path = folder.file("a.mp4");
  write_bytes(path, {'o', 'l', 'd'});
  {
    Recording recording;
    recording->save(path);
    recording.close();  // there was no frame
  }
  EXPECT_EQ(read_bytes(path), (Bytes{'o', 'l', 'd'}));
  Recording recording;
  recording.feed(100);
  recording->save(path);
  recording.feed(200);
  recording.close();
  expect_clip(path, 50, 125);
}

TEST(MediaClips, EndWithTheStream) {
  const Folder folder;
  Recording recording;
  recording.feed(100);
  recording->save(folder.file("a.mp4"));
  recording.feed(110);
  recording->save(folder.file("b.mp4"));
  recording.close();
  EXPECT_EQ(play(folder.file("a.mp4")).numbers.back(), 109);
  EXPECT_EQ(play(folder.file("b.mp4")).numbers.back(), 109);
}

TEST(MediaClips, OfASingleFrame) {
  const Folder folder;
  Recording recording;
  recording.feed(1);
  recording->save(folder.file("a.mp4"));
  recording.close();
  EXPECT_EQ(play(folder.file("a.mp4")).numbers, from_to(0, 0));
}

TEST(MediaClips, AnotherSizeEndsThemAndBeginsAfresh) {
  const Folder folder;
  Recording recording;
  recording.feed(100);
  recording->save(folder.file("a.mp4"));
  recording.feed(110);
  recording.feed(150, 2 * kWidth);
  recording->save(folder.file("b.mp4"));
  recording.feed(200, 2 * kWidth);
  recording.close();
  EXPECT_EQ(play(folder.file("a.mp4")).numbers.back(), 109);
  const auto second = play(folder.file("b.mp4"));
  EXPECT_EQ(second.info.width, 2 * kWidth);
  EXPECT_EQ(second.numbers.front(), 110);
}

TEST(MediaClips, AnotherSizeMayComeAfterASingleFrame) {
  const Folder folder;
  Recording recording;
  recording.feed(1);
  recording.feed(2, 2 * kWidth);
  recording.feed(100);
  recording->save(folder.file("a.mp4"));
  recording.feed(120);
  recording.close();
  EXPECT_EQ(play(folder.file("a.mp4")).numbers.back(), 119);
}

TEST(MediaClips, EndAtAGapThatNoFileCanHold) {
  const Folder folder;
  Recording recording;
  recording.feed(100);
  recording->save(folder.file("a.mp4"));
  recording.feed(110);
  recording.pass(1e6);
  recording.feed(200);
  recording->save(folder.file("b.mp4"));
  recording.feed(220);
  recording.close();
  EXPECT_EQ(play(folder.file("a.mp4")).numbers.back(), 109);
  EXPECT_EQ(play(folder.file("b.mp4")).numbers.back(), 219);
}

TEST(MediaClips, EndAtAPauseThatIsLongerThanTheyAre) {
  for (const std::string suffix : {"mp4", "mkv"}) {
    for (const double pause : {3.0, 100.0, 18000.0}) {
      const Folder folder;
      Recording recording;
      recording.feed(100);
      recording->save(folder.file("a." + suffix));
      recording.feed(110);
      recording.pass(pause);
      recording.feed(112);
      recording.close();
      const auto played = play(folder.file("a." + suffix));
      EXPECT_EQ(played.numbers, from_to(50, 109)) << suffix << pause;
      EXPECT_NEAR(played.pts.back(), 59 / kFps, 0.001);
    }
  }
}

TEST(MediaClips, GoOnAfterAPauseThatIsShorter) {
  const Folder folder;
  Recording recording({.before = 2, .after = 60});
  recording.feed(100);
  recording->save(folder.file("a.mp4"));
  recording.feed(110);
  recording.pass(30);
  recording.feed(200);
  recording.close();
  const auto played = play(folder.file("a.mp4"));
  EXPECT_EQ(played.numbers, from_to(50, 199));
  EXPECT_NEAR(played.pts[60] - played.pts[59], 30 + 1 / kFps, 0.001);
}

TEST(MediaClips, EndWhileTheSourceIsAway) {
  const Folder folder;
  Recording recording({.before = 2, .after = 15});
  recording.feed(100);
  recording->save(folder.file("a.mp4"));
  recording.feed(110);
  recording.wait(10);
  EXPECT_EQ(recording->writing().size(), 1U);  // frames may still follow
  recording.wait(10);
  EXPECT_TRUE(recording->writing().empty());
  EXPECT_EQ(play(folder.file("a.mp4")).numbers, from_to(50, 109));
  recording->save(folder.file("b.mp4"));
  recording.wait(1);
  EXPECT_TRUE(recording->writing().empty());
  EXPECT_EQ(play(folder.file("b.mp4")).numbers.back(), 109);
  recording.pass(20);
  recording.feed(150);
  recording->save(folder.file("c.mp4"));
  recording.feed(160);
  recording.close();
  EXPECT_EQ(play(folder.file("c.mp4")).numbers, from_to(110, 159));
}

TEST(MediaClips, LeaveOutWhatTheEncoderHoldsLongAfterAStop) {
  const Folder folder;
  Recording recording({.before = 2, .after = 60, .codec = "mpeg4", .options = {{"bf", "2"}}});
  recording.feed(100);
  recording->save(folder.file("a.mp4"));
  recording.feed(107);
  recording.stop();
  recording.wait(3);
  recording.close();
  EXPECT_GT(recording.left_out(), 0U);
  EXPECT_EQ(play(folder.file("a.mp4")).numbers.size() + recording.left_out(), 57U);  // 50 to 106
}

TEST(MediaClips, AreNotEncodedAfterAStopIfThereAreNone) {
  const Folder folder;
  Recording recording;
  recording.feed(50);
  recording.stop();
  recording.pass(std::nan(""));  // a time that cannot be encoded
  recording.feed(51);
  EXPECT_THROW(recording->save(folder.file("a.mp4")), StateError);
  recording.close();
  EXPECT_EQ(recording.left_out(), 0U);
}

TEST(MediaClips, WithoutAFrameLeaveNoFile) {
  const Folder folder;
  Recording recording;
  recording->save(folder.file("a.mp4"));
  EXPECT_TRUE(std::filesystem::exists(folder.file("a.mp4")));
  recording.close();
  EXPECT_FALSE(std::filesystem::exists(folder.file("a.mp4")));
}

TEST(MediaClips, HoldNoMoreThanTheirBytes) {
  const Folder folder;
  Recording recording({.before = 60, .after = 0, .quality = 0, .max_bytes = 100'000});
  recording.feed(500);
  recording->save(folder.file("a.mp4"));
  recording.feed(510);
  recording.close();
  const auto played = play(folder.file("a.mp4"));
  EXPECT_GT(played.numbers.front(), 300);
  EXPECT_LT(std::filesystem::file_size(folder.file("a.mp4")), 400'000U);
}

TEST(MediaClips, OfOtherCodecs) {
  for (const std::string codec : {"h265", "vp9", "mpeg4", "mjpeg"}) {
    const Folder folder;
    Recording recording({.before = 1, .after = 1, .codec = codec});
    recording.feed(70);
    recording->save(folder.file("a.mkv"));
    recording.feed(140);
    recording.close();
    const auto played = play(folder.file("a.mkv"));
    ASSERT_FALSE(played.numbers.empty()) << codec;
    EXPECT_LE(played.numbers.front(), 45) << codec;
    EXPECT_GE(played.numbers.front(), 19) << codec;
    EXPECT_GE(played.numbers.back(), 94) << codec;
    EXPECT_EQ(played.damaged, 0U) << codec;
  }
}

TEST(MediaClips, AskedForFromOtherThreadsAreAllWritten) {
  const Folder folder;
  Recording recording({.before = 1, .after = 0.2});
  recording.feed(50);
  std::atomic<int> asked{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (int n = 0; n < 5; ++n) {
        recording->save(folder.file(std::to_string(thread % 2) + "-" + std::to_string(n) + ".mp4"));
        ++asked;
      }
    });
  }
  for (int end = 51; asked < 20 || end < 200; ++end) recording.feed(end);
  for (auto& thread : threads) thread.join();
  recording.close();
  for (int n = 0; n < 10; ++n) {
    const auto path = folder.file(std::to_string(n / 5) + "-" + std::to_string(n % 5) + ".mp4");
    EXPECT_GE(play(path).numbers.size(), 25U) << path;
  }
  EXPECT_TRUE(recording->writing().empty());
}

TEST(MediaClips, SayWhatCannotBe) {
  const Folder folder;
  EXPECT_THROW(ClipRecorder({.before = -1}), OptionError);
  EXPECT_THROW(ClipRecorder({.after = 1e9}), OptionError);
  EXPECT_THROW(ClipRecorder({.codec = "no such"}), OptionError);
  EXPECT_THROW(ClipRecorder({.max_bytes = 0}), OptionError);
  ClipRecorder recorder;
  EXPECT_THROW(recorder.save(folder.file("a.mp4")), StateError);
  Hand hand;
  recorder.open(hand.context());
  for (const std::string name : {"a.avi", "a.ts", "a.txt", "a"})
    EXPECT_THROW(recorder.save(folder.file(name)), OptionError) << name;
  EXPECT_THROW(recorder.save(folder.file("no/a.mp4")), Error);
  EXPECT_THROW(recorder.save(folder.file("a.mp4"), std::nan("")), OptionError);
  recorder.close();
  EXPECT_THROW(recorder.save(folder.file("a.mp4")), StateError);
}

}  // namespace
}  // namespace freshframe::test
