// Clips: the frames before and after an event, each with its time.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <atomic>
#include <cmath>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "cpp/media/files.hpp"
#include "cpp/sinks/recording/clip_rig.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

TEST(MediaClips, HoldTheSecondsBeforeAndAfterTheirEvent) {
  for (const std::string suffix : {"mp4", "mov", "mkv"}) {
    const Folder folder;
    ClipRecording recording;
    recording.feed(200);
    recording->save(folder.file("a." + suffix));
    recording.feed(300);
    recording.close();
    expect_clip(folder.file("a." + suffix), 150, 225);
  }
}

TEST(MediaClips, BeginAtAnEventThatIsPast) {
  const Folder folder;
  ClipRecording recording;
  recording.feed(200);
  recording->save(folder.file("a.mp4"), 180 / kClipFps);
  recording.feed(300);
  recording.close();
  expect_clip(folder.file("a.mp4"), 130, 205);
}

TEST(MediaClips, EndSoonAfterAnEventThatIsLongPast) {
  const Folder folder;
  ClipRecording recording({.before = 10, .after = 1});
  recording.feed(240);
  recording->save(folder.file("a.mp4"), 100 / kClipFps);
  recording.feed(241);
  EXPECT_TRUE(recording->writing().empty());
  recording.close();
  expect_clip(folder.file("a.mp4"), 0, 125);
}

TEST(MediaClips, OfAnEventToComeBeginBeforeIt) {
  const Folder folder;
  ClipRecording recording;
  recording.feed(10);
  recording->save(folder.file("a.mp4"), 200 / kClipFps);
  recording.feed(300);
  recording.close();
  expect_clip(folder.file("a.mp4"), 150, 225);
}

TEST(MediaClips, BeginInTimeWithACodecThatHoldsManyFrames) {
  for (const std::string codec : {"h265", "vp9"}) {
    const Folder folder;
    ClipRecording recording({.before = 0.2, .after = 0.5, .codec = codec});
    recording.feed(60);
    recording->save(folder.file("a.mkv"));
    recording.feed(140);
    recording.close();
    const auto played = play(folder.file("a.mkv"));
    EXPECT_EQ(played.numbers.front(), 50) << codec;  // the keyframe before 55
  }
}

TEST(MediaClips, OfATimeWithoutFramesLeaveTheFileAsItIs) {
  for (const double at : {-1e300, -100.0, 0.0, 1000.0, 1e300}) {
    const Folder folder;
    const auto path = folder.file("a.mp4");
    write_bytes(path, {'o', 'l', 'd'});
    ClipRecording recording;
    recording.feed(200);
    recording->save(path, at);
    recording.feed(300);
    recording.close();
    EXPECT_EQ(read_bytes(path), (Bytes{'o', 'l', 'd'})) << at;
  }
}

TEST(MediaClips, AreOneClipByAnyNameOfTheFile) {
  const Folder folder;
  ClipRecording recording;
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
  ClipRecording recording;
  ClipRecording other;
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
      write_frame(recorder, hand, numbered_frame(n), n / kClipFps);
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
  ClipRecording recording;
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
  ClipRecording recording;
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
    ClipRecording recording;
    recording->save(path);
    recording.close();  // no frame has arrived
  }
  EXPECT_EQ(read_bytes(path), (Bytes{'o', 'l', 'd'}));
  ClipRecording recording;
  recording.feed(100);
  recording->save(path);
  recording.feed(200);
  recording.close();
  expect_clip(path, 50, 125);
}

TEST(MediaClips, WithoutAFrameLeaveNoFile) {
  const Folder folder;
  ClipRecording recording;
  recording->save(folder.file("a.mp4"));
  EXPECT_TRUE(std::filesystem::exists(folder.file("a.mp4")));
  recording.close();
  EXPECT_FALSE(std::filesystem::exists(folder.file("a.mp4")));
}

TEST(MediaClips, HoldNoMoreThanTheirBytes) {
  const Folder folder;
  ClipRecording recording({.before = 60, .after = 0, .crf = 0, .max_bytes = 100'000});
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
    ClipRecording recording({.before = 1, .after = 1, .codec = codec});
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
  ClipRecording recording({.before = 1, .after = 0.2});
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

TEST(MediaClips, RefuseInvalidOptions) {
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
  recorder.save(folder.file("a.mp4"));  // too late, which is not an error
  EXPECT_TRUE(recorder.writing().empty());
  EXPECT_FALSE(std::filesystem::exists(folder.file("a.mp4")));
}

}  // namespace
}  // namespace freshframe::test
