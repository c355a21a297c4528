// The video file sink: written frames are read back, and refusals give the reason.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"
#include "freshframe/pipeline.hpp"

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "cpp/media/files.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

/// Writes frames at given times, then reads them back.
Played written(const std::string& path, const std::vector<double>& pts,
               const VideoFileOptions& options = {}) {
  Hand hand;
  VideoFile file(path, options);
  file.open(hand.context());
  for (std::size_t n = 0; n < pts.size(); ++n)
    write_frame(file, hand, numbered_frame(static_cast<int>(n)), pts[n]);
  file.close();
  return play(path);
}

TEST(MediaVideoFile, KeepsEveryFramesTimeFromTheFirstOn) {
  const Folder folder;
  const std::vector<double> pts = {100.0, 100.04, 100.08, 100.5, 100.54, 102.0, 102.011};
  const auto played = written(folder.file("a.mp4"), pts);
  EXPECT_EQ(played.numbers, counting(7));
  ASSERT_EQ(played.pts.size(), pts.size());
  for (std::size_t n = 0; n < pts.size(); ++n) EXPECT_NEAR(played.pts[n], pts[n] - 100, 0.0001);
}

TEST(MediaVideoFile, IsAsLongAsItsFrames) {
  const Folder folder;
  for (const std::string name : {"a.mp4", "a.mov", "a.mkv"}) {
    const auto played = play(write_video(folder.file(name), 50));
    EXPECT_NEAR(played.info.fps.value_or(0), 25, 0.01) << name;
    const bool counted = name != "a.mkv";  // Matroska does not store the number of frames
    EXPECT_EQ(played.info.frame_count, counted ? std::optional<std::int64_t>(50) : std::nullopt) << name;
    EXPECT_NEAR(played.info.duration.value_or(0), 2.0, 0.05) << name;
  }
}

TEST(MediaVideoFile, WritesASingleFrame) {
  const Folder folder;
  EXPECT_EQ(written(folder.file("a.mp4"), {3.0}).numbers, counting(1));
  EXPECT_EQ(written(folder.file("b.mp4"), {3.0}, {.fps = 10}).info.fps, 10);
}

TEST(MediaVideoFile, FramesLieInTheSlotsOfARateThatMpeg2Knows) {
  const Folder folder;
  const std::vector<double> pts = {0.0, 0.04, 0.08, 0.2};
  for (const std::string codec : {"mpeg2video", "mpeg1video"}) {
    const auto played = written(folder.file("a.mkv"), pts, {.codec = codec});
    EXPECT_EQ(played.numbers, counting(4)) << codec;
    EXPECT_NEAR(played.info.fps.value_or(0), 25, 0.01) << codec;
    for (std::size_t n = 0; n < pts.size(); ++n) EXPECT_NEAR(played.pts[n], pts[n], 0.001) << codec;
  }
  // MPEG-2 has no 28 fps. At the next higher rate, each frame still has its own slot.
  const auto next = written(folder.file("b.mkv"), {0.0, 1 / 28.0, 2 / 28.0}, {.codec = "mpeg2video"});
  EXPECT_EQ(next.numbers, counting(3));
  EXPECT_NEAR(next.info.fps.value_or(0), 30000.0 / 1001, 0.01);
}

TEST(MediaVideoFile, ARateThatTheCodecDoesNotKnowIsRefused) {
  const Folder folder;
  try {
    static_cast<void>(written(folder.file("a.mkv"), {0.0}, {.codec = "mpeg2video", .fps = 28.1}));
    FAIL() << "28.1 frames per second were taken";
  } catch (const Error& error) {
    EXPECT_TRUE(contains(error.what(), "281/10 fps")) << error.what();
  }
}

TEST(MediaVideoFile, EqualTimesAreKeptApartByATick) {
  const Folder folder;
  const auto played = written(folder.file("a.mp4"), {0.0, 0.04, 0.04, 0.04, 0.08});
  EXPECT_EQ(played.numbers, counting(5));
  for (std::size_t n = 1; n < played.pts.size(); ++n) EXPECT_GT(played.pts[n], played.pts[n - 1]);
}

TEST(MediaVideoFile, LosslessCodecGivesTheLumaBackExactly) {
  const Folder folder;
  const auto played = written(folder.file("a.mkv"), {0.0, 0.04, 0.08}, {.codec = "ffv1"});
  ASSERT_EQ(played.lumas.size(), 3U);
  for (int n = 0; n < 3; ++n)
    EXPECT_EQ(played.lumas[static_cast<std::size_t>(n)], packed_luma(numbered_frame(n).luma()));
}

Frame solid(PixelFormat format, ColorRange range, ColorSpace space) {
  FrameBuilder builder({192, 96, PixelFormat::Rgb, ColorRange::Full, space});
  for (int y = 0; y < 96; ++y) {
    for (int x = 0; x < 192; ++x) {
      auto* pixel = builder.plane(0) + y * builder.stride(0) + 3 * x;
      pixel[0] = 200;
      pixel[1] = 60;
      pixel[2] = 110;
    }
  }
  if (format == PixelFormat::Rgb) return std::move(builder).publish(pixel_ops());
  FrameBuilder converted({192, 96, format, range, space});
  EXPECT_TRUE(pixel_ops().convert(builder.picture(), converted.picture()));
  return std::move(converted).publish(pixel_ops());
}

TEST(MediaVideoFile, ColorsSurviveFromAnyFormatRangeAndMatrix) {
  const Folder folder;
  for (const auto format : {PixelFormat::Rgb, PixelFormat::Bgr, PixelFormat::I420, PixelFormat::I422,
                            PixelFormat::I444, PixelFormat::Nv12}) {
    for (const auto range : {ColorRange::Limited, ColorRange::Full}) {
      for (const auto space : {ColorSpace::Unspecified, ColorSpace::Bt709}) {
        SCOPED_TRACE(std::string(to_string(format)) + " " + std::string(to_string(range)) + " " +
                     std::string(to_string(space)));
        Hand hand;
        VideoFile file(folder.file("a.mp4"));
        file.open(hand.context());
        for (int n = 0; n < 3; ++n) write_frame(file, hand, solid(format, range, space), n / 25.0);
        file.close();
        const auto source = open(folder.file("a.mp4"));
        source->open(hand.context());
        const auto item = source->read(hand.context());
        ASSERT_TRUE(item);
        const auto rgb = item->value.to(PixelFormat::Rgb);
        EXPECT_NEAR(rgb.planes()[0].row(40)[3 * 90], 200, 5);
        EXPECT_NEAR(rgb.planes()[0].row(40)[3 * 90 + 1], 60, 5);
        EXPECT_NEAR(rgb.planes()[0].row(40)[3 * 90 + 2], 110, 5);
      }
    }
  }
}

std::string refused(const std::string& path, const VideoFileOptions& options) {
  return message_of<OptionError>([&] { const VideoFile file(path, options); });
}

TEST(MediaVideoFile, RefusesWhatCannotBeBeforeItRuns) {
  EXPECT_TRUE(contains(refused("a.mp4", {.codec = "h999"}), "h999"));
  EXPECT_TRUE(contains(refused("a.mp4", {.codec = "aac"}), "aac"));
  EXPECT_TRUE(contains(refused("a.mp4", {.codec = "rawvideo"}), "cannot hold rawvideo"));
  EXPECT_TRUE(contains(refused("a.txt", {}), ".mp4, .mkv"));
  EXPECT_TRUE(contains(refused("a.wav", {}), ".mp4, .mkv"));
  EXPECT_TRUE(contains(refused("a.mp4", {.fps = 0}), "fps"));
  EXPECT_TRUE(contains(refused("a.mp4", {.crf = 52}), "crf"));
  EXPECT_TRUE(contains(refused("a.mp4", {.threads = 0}), "threads"));
}

TEST(MediaVideoFile, APathThatCannotBeWrittenFailsWhenItOpens) {
  const Folder folder;
  Hand hand;
  VideoFile file(folder.file("no/a.mp4"));
  const auto message = message_of<Error>([&] { file.open(hand.context()); });
  EXPECT_TRUE(contains(message, "no/a.mp4")) << message;
  EXPECT_TRUE(contains(message, "no such file")) << message;
}

TEST(MediaVideoFile, AFullDiskFailsAtTheLatestInClose) {
  const Folder folder;
  std::filesystem::create_symlink("/dev/full", folder.file("full.mkv"));
  const auto message = message_of<Error>([&] {
    Hand hand;
    VideoFile file(folder.file("full.mkv"));
    file.open(hand.context());
    for (int n = 0; n < 30; ++n) write_frame(file, hand, numbered_frame(n), n / 25.0);
    file.close();
  });
  EXPECT_TRUE(contains(message, "no space left")) << message;
}

TEST(MediaVideoFile, OddSizesAreRefusedNotCropped) {
  const Folder folder;
  Hand hand;
  VideoFile file(folder.file("a.mp4"));
  file.open(hand.context());
  const auto message = message_of<Error>([&] { write_frame(file, hand, numbered_frame(0, 193, 97), 0); });
  EXPECT_TRUE(contains(message, "193x97")) << message;
  EXPECT_TRUE(contains(message, "even")) << message;
  file.close();
}

TEST(MediaVideoFile, AChangeOfSizeIsAnErrorAndTheFileUpToItIsWhole) {
  const Folder folder;
  Hand hand;
  VideoFile file(folder.file("a.mp4"));
  file.open(hand.context());
  for (int n = 0; n < 5; ++n) write_frame(file, hand, numbered_frame(n), n / 25.0);
  const auto message = message_of<Error>([&] { write_frame(file, hand, numbered_frame(5, 256, 128), 0.2); });
  EXPECT_TRUE(contains(message, "from 192x96 to 256x128")) << message;
  file.close();
  EXPECT_EQ(play(folder.file("a.mp4")).numbers, counting(5));
}

TEST(MediaVideoFile, TimeThatGoesBackIsAnError) {
  const Folder folder;
  Hand hand;
  VideoFile file(folder.file("a.mp4"));
  file.open(hand.context());
  write_frame(file, hand, numbered_frame(0), 1.0);
  write_frame(file, hand, numbered_frame(1), 1.04);
  EXPECT_THROW(write_frame(file, hand, numbered_frame(2), 0.5), Error);
  EXPECT_THROW(write_frame(file, hand, numbered_frame(2), std::nan("")), Error);
  file.close();
}

TEST(MediaVideoFile, WithoutAFrameThereIsNoFile) {
  const Folder folder;
  Hand hand;
  VideoFile file(folder.file("a.mp4"));
  file.open(hand.context());
  file.close();
  EXPECT_FALSE(std::filesystem::exists(folder.file("a.mp4")));
}

TEST(MediaVideoFile, RecordsAFileThroughAPipeline) {
  const Folder folder;
  const auto path = write_video(folder.file("in.mp4"), 30);
  {
    CheckedPipeline pipeline;
    const auto video = pipeline.add(open(path));
    pipeline.add(std::make_unique<VideoFile>(folder.file("out.mkv")), video);
    EXPECT_TRUE(pipeline.run().complete);
  }
  EXPECT_EQ(play(folder.file("out.mkv")).numbers, counting(30));
}

}  // namespace
}  // namespace freshframe::test
