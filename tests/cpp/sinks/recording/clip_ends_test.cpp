// Clips whose stream ends, changes its size, pauses or is stopped.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/media.hpp"

#include <cmath>
#include <string>

#include "cpp/media/files.hpp"
#include "cpp/sinks/recording/clip_rig.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

TEST(MediaClips, EndWithTheStream) {
  const Folder folder;
  ClipRecording recording;
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
  ClipRecording recording;
  recording.feed(1);
  recording->save(folder.file("a.mp4"));
  recording.close();
  EXPECT_EQ(play(folder.file("a.mp4")).numbers, from_to(0, 0));
}

TEST(MediaClips, AnotherSizeEndsThemAndBeginsAfresh) {
  const Folder folder;
  ClipRecording recording;
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
  ClipRecording recording;
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
  ClipRecording recording;
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
      ClipRecording recording;
      recording.feed(100);
      recording->save(folder.file("a." + suffix));
      recording.feed(110);
      recording.pass(pause);
      recording.feed(112);
      recording.close();
      const auto played = play(folder.file("a." + suffix));
      EXPECT_EQ(played.numbers, from_to(50, 109)) << suffix << pause;
      EXPECT_NEAR(played.pts.back(), 59 / kClipFps, 0.001);
    }
  }
}

TEST(MediaClips, GoOnAfterAPauseThatIsShorter) {
  const Folder folder;
  ClipRecording recording({.before = 2, .after = 60});
  recording.feed(100);
  recording->save(folder.file("a.mp4"));
  recording.feed(110);
  recording.pass(30);
  recording.feed(200);
  recording.close();
  const auto played = play(folder.file("a.mp4"));
  EXPECT_EQ(played.numbers, from_to(50, 199));
  EXPECT_NEAR(played.pts[60] - played.pts[59], 30 + 1 / kClipFps, 0.001);
}

TEST(MediaClips, EndWhileTheSourceIsAway) {
  const Folder folder;
  ClipRecording recording({.before = 2, .after = 15});
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
  ClipRecording recording({.before = 2, .after = 60, .codec = "mpeg4", .options = {{"bf", "2"}}});
  recording.feed(100);
  recording->save(folder.file("a.mp4"));
  recording.feed(107);
  recording.stop();
  recording.wait(3);
  recording.close();
  EXPECT_GT(recording.left_out(), 0U);
  EXPECT_EQ(play(folder.file("a.mp4")).numbers.size() + recording.left_out(), 57U);  // frames 50 to 106
}

TEST(MediaClips, AreNotEncodedAfterAStopIfThereAreNone) {
  const Folder folder;
  ClipRecording recording;
  recording.feed(50);
  recording.stop();
  recording.pass(std::nan(""));  // a time that cannot be encoded
  recording.feed(51);
  recording->save(folder.file("a.mp4"));
  EXPECT_FALSE(std::filesystem::exists(folder.file("a.mp4")));
  recording.close();
  EXPECT_EQ(recording.left_out(), 0U);
}

}  // namespace
}  // namespace freshframe::test
