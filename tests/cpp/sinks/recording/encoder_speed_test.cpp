// The speed of an encoder, and names and options that are rejected.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "cpp/media/files.hpp"
#include "cpp/support.hpp"
#include "media/ffmpeg/write/video_codec.hpp"
#include "sinks/recording/encoding.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

constexpr std::array kPresets = {EncoderPreset::Slow, EncoderPreset::Medium, EncoderPreset::Fast,
                                 EncoderPreset::Fastest};

/// Returns the size of the packets. The container's own bytes depend on how long writing took, because it is flushed
/// every second.
std::int64_t bytes_of_pictures(const std::string& path) {
  const auto input = open_input(path, false);
  const auto packet = make_av_packet();
  std::int64_t bytes = 0;
  while (av_read_frame(input.get(), packet.get()) >= 0) {
    bytes += packet->size;
    av_packet_unref(packet.get());
  }
  return bytes;
}

class MediaEncoderPreset : public ::testing::TestWithParam<const char*> {};

TEST_P(MediaEncoderPreset, IsTakenByEveryCodec) {
  const std::string codec = GetParam();
  if (find_video_encoder(codec) == nullptr) GTEST_SKIP() << codec;
  if (kSanitized && codec == "libsvtav1") GTEST_SKIP() << "TSan does not know the locks of that library";
  const Folder folder;
  std::int64_t slow = 0;
  for (const auto speed : kPresets) {
    const auto path = write_video(folder.file("a.mkv"), 20, {.codec = codec, .preset = speed});
    const auto played = play(path);
    EXPECT_EQ(played.numbers, counting(20)) << to_string(speed);
    if (speed == EncoderPreset::Slow) slow = bytes_of_pictures(path);
  }
  const bool differs = bytes_of_pictures(folder.file("a.mkv")) != slow;
  EXPECT_EQ(differs, has_presets(*find_video_encoder(codec)));
}

INSTANTIATE_TEST_SUITE_P(Codecs, MediaEncoderPreset,
                         ::testing::Values("h264", "h265", "vp8", "vp9", "av1", "libsvtav1", "libopenh264",
                                           "mpeg4", "mpeg2", "mjpeg"),
                         [](const auto& tested) { return std::string(tested.param); });

TEST(MediaEncoderPresets, HaveNames) {
  for (const auto speed : kPresets) EXPECT_EQ(parse_encoder_preset(to_string(speed)), speed);
  EXPECT_TRUE(contains(message_of<OptionError>([] { static_cast<void>(parse_encoder_preset("quick")); }),
                       "must be 'slow', 'medium', 'fast' or 'fastest', got 'quick'"));
}

TEST(MediaEncoderPresets, AreTheWayOutForAPresetThatTheEncoderDoesNotHave) {
  const Folder folder;
  const auto text = message_of<OptionError>([&] {
    const VideoFile file(folder.file("a.mkv"), {.codec = "mpeg4", .options = {{"preset", "fast"}}});
  });
  EXPECT_TRUE(contains(text, "have no option 'preset'; preset= (slow, medium, fast, fastest)")) << text;
  EXPECT_FALSE(contains(text, "H.264")) << text;
}

TEST(MediaEncoderPresets, AreAdvisedWhereTheyHelp) {
  EXPECT_TRUE(contains(way_to_encode_faster("mpeg4", EncoderPreset::Fast), "another codec"));
  for (const std::string codec : {"h264", "vp9"}) {
    if (find_video_encoder(codec) == nullptr) continue;
    EXPECT_TRUE(contains(way_to_encode_faster(codec, EncoderPreset::Fast), "preset='fastest'"));
    EXPECT_FALSE(contains(way_to_encode_faster(codec, EncoderPreset::Fastest), "preset="));
  }
}

TEST(MediaEncoders, ThatTakeNoVideoAreRefusedBeforeAFileIsMade) {
  const Folder folder;
  for (const std::string name : {"a.gif", "a.apng"}) {
    const auto text = message_of<OptionError>([&] { const VideoFile file(folder.file(name)); });
    EXPECT_TRUE(contains(text, "does not accept 4:2:0 video")) << text;
    EXPECT_FALSE(std::filesystem::exists(folder.file(name)));
  }
}

TEST(MediaSegmentNames, WithTimesAreRefused) {
  const Folder folder;
  for (const std::optional<double> segment : {std::optional<double>(), std::optional<double>(60)}) {
    const auto text = message_of<OptionError>(
        [&] { const VideoFile file(folder.file("cam_%Y-%m-%d.mp4"), {.segment_every = segment}); });
    EXPECT_TRUE(contains(text, "%Y is not possible in the name of a segment; a number is written %d"))
        << text;
  }
  EXPECT_NO_THROW(VideoFile(folder.file("100%%_%d.mp4"), {.segment_every = 60.0}));
  EXPECT_NO_THROW(VideoFile(folder.file("100%.mp4")));
}

}  // namespace
}  // namespace freshframe::test
