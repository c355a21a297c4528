// Cut and corrupted files: no crash, no hang. Decodable frames are delivered, the others are counted.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>

#include "cpp/media/files.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

constexpr int kWholeFrames = 30;

struct Outcome {
  bool refused = false;  // open() threw a SourceError
  std::size_t frames = 0;
  std::uint64_t damaged = 0;
};

Outcome try_to_play(const std::string& path, int threads = 2) {
  Hand hand;
  Outcome outcome;
  const auto source = open(path, {.decoder_threads = threads});
  try {
    source->open(hand.context());
    double last = -1;
    while (const auto item = source->read(hand.context())) {
      EXPECT_GE(item->pts, last) << "time went back";
      last = item->pts;
      ++outcome.frames;
      EXPECT_LT(outcome.frames, 10U * kWholeFrames);
    }
  } catch (const SourceError& error) {
    outcome.refused = true;
    EXPECT_FALSE(std::string(error.what()).empty());
    EXPECT_EQ(error.url(), path);
  }
  source->close();
  outcome.damaged = hand.damaged();
  return outcome;
}

/// Returns how many frames the simplest libav loop decodes from the file; 0 if it cannot open it.
std::size_t bare_count(const std::string& path) {
  try {
    return bare_lumas(path).size();
  } catch (const std::runtime_error&) {
    return 0;
  }
}

struct DamagedKind {
  std::string suffix;
  std::string codec;
};

void PrintTo(const DamagedKind& kind, std::ostream* out) {
  *out << kind.codec << " in " << kind.suffix;
}

class MediaDamage : public ::testing::TestWithParam<DamagedKind> {
 protected:
  MediaDamage()
      : bytes_(read_bytes(
            write_video(folder_.file("whole" + suffix()), kWholeFrames, {.codec = GetParam().codec}))) {}

  [[nodiscard]] static const std::string& suffix() { return GetParam().suffix; }
  [[nodiscard]] std::string variant(const Bytes& bytes) const {
    auto path = folder_.file("variant" + suffix());
    write_bytes(path, bytes);
    return path;
  }

  Folder folder_;
  Bytes bytes_;
};

TEST_P(MediaDamage, ATruncatedFilePlaysUpToTheCutOrIsReported) {
  constexpr std::size_t kPlaces = 40;
  for (std::size_t place = 0; place < kPlaces; ++place) {
    SCOPED_TRACE(place);
    const auto length = bytes_.size() * place / kPlaces;
    const auto path = variant(Bytes(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(length)));
    const auto outcome = try_to_play(path);
    EXPECT_GE(outcome.frames, bare_count(path));
    EXPECT_TRUE(outcome.refused || outcome.frames > 0);
  }
}

TEST_P(MediaDamage, RandomBytesAreCountedAndDecodingGoesOn) {
  extend_watchdog(120);
  std::mt19937 random(7);  // NOLINT(bugprone-random-generator-seed): every run must test the same files
  constexpr int kFiles = 25;
  constexpr int kHits = 10;
  std::uint64_t damaged = 0;
  std::size_t frames = 0;
  for (int file = 0; file < kFiles; ++file) {
    SCOPED_TRACE(file);
    auto bytes = bytes_;
    for (int hit = 0; hit < kHits; ++hit)
      bytes[random() % bytes.size()] ^= static_cast<char>(1 + random() % 255);
    const auto path = variant(bytes);
    const auto outcome = try_to_play(path);
    EXPECT_GE(outcome.frames, bare_count(path));
    damaged += outcome.damaged;
    frames += outcome.frames;
  }
  EXPECT_GT(damaged, 0U);
  EXPECT_GT(frames, static_cast<std::size_t>(kFiles * kWholeFrames / 2));
}

/// Returns a small frame, so that 200 clips of 30 frames decode quickly.
Frame tiny_frame(int number) {
  FrameBuilder builder({.width = 64, .height = 48, .format = PixelFormat::I420});
  for (int plane = 0; plane < 3; ++plane) {
    const auto shape = builder.picture().format.plane_shape(plane);
    for (int y = 0; y < shape.rows; ++y) {
      for (int x = 0; x < shape.row_bytes; ++x) {
        const int wave = (x * x + 3 * y + 5 * number + 40 * plane) % 160;
        builder.plane(plane)[y * builder.stride(plane) + x] = static_cast<std::uint8_t>(40 + wave);
      }
    }
  }
  return std::move(builder).publish(pixel_ops());
}

/// Uses one decoder thread, because several threads may lose other frames than the plain loop does.
TEST_P(MediaDamage, OneWrongByteAnywhereCostsNoMoreThanItCostsThePlainestLoop) {
  extend_watchdog(300);
  const auto path = folder_.file("tiny" + suffix());
  {
    Hand hand;
    VideoFile file(path, {.codec = GetParam().codec});
    file.open(hand.context());
    for (int n = 0; n < kWholeFrames; ++n) write_frame(file, hand, tiny_frame(n), n / 25.0);
    file.close();
  }
  const auto whole = read_bytes(path);
  std::mt19937 random(3);  // NOLINT(bugprone-random-generator-seed): every run must test the same files
  std::size_t frames = 0;
  for (int file = 0; file < 200; ++file) {
    SCOPED_TRACE(file);
    auto bytes = whole;
    bytes[random() % bytes.size()] ^= static_cast<char>(1 + random() % 255);
    const auto hit = variant(bytes);
    const auto outcome = try_to_play(hit, 1);
    EXPECT_GE(outcome.frames, bare_count(hit));
    EXPECT_TRUE(outcome.refused || outcome.frames > 0);
    frames += outcome.frames;
  }
  EXPECT_GT(frames, 200U * kWholeFrames * 3 / 4);
}

INSTANTIATE_TEST_SUITE_P(Containers, MediaDamage,
                         ::testing::Values(DamagedKind{".mp4", "h264"}, DamagedKind{".mkv", "h264"},
                                           DamagedKind{".ts", "h264"}, DamagedKind{".avi", "mpeg4"},
                                           DamagedKind{".avi", "mjpeg"}),
                         [](const auto& kind) {
                           return kind.param.codec + "_" + kind.param.suffix.substr(1);
                         });

TEST(MediaDamaged, AFileThatEndsEarlyHasItsMissingFramesCounted) {
  const Folder folder;
  const auto bytes = read_bytes(write_video(folder.file("whole.mkv"), kWholeFrames, {.codec = "ffv1"}));
  write_bytes(folder.file("cut.mkv"),
              Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size() / 2)));
  const auto whole = play(folder.file("whole.mkv"));
  const auto cut = play(folder.file("cut.mkv"));
  EXPECT_EQ(whole.damaged, 0U);
  EXPECT_LT(cut.numbers.size(), whole.numbers.size());
  EXPECT_GT(cut.damaged, 0U) << "a run over a cut file must not be complete";
}

TEST(MediaDamaged, OnePacketOfGarbageCostsItsFrameOnly) {
  const Folder folder;
  auto bytes = read_bytes(write_video(folder.file("whole.avi"), kWholeFrames, {.codec = "mjpeg"}));
  // Destroys the start and the tables of the 10th JPEG.
  std::size_t at = 0;
  for (int picture = 0; picture < 10; ++picture) {
    const Bytes start = {'\xFF', '\xD8', '\xFF'};
    at = static_cast<std::size_t>(std::search(bytes.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                                              bytes.end(), start.begin(), start.end()) -
                                  bytes.begin());
  }
  ASSERT_LT(at + 400, bytes.size());
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), 400, '\0');
  write_bytes(folder.file("hit.avi"), bytes);
  const auto played = play(folder.file("hit.avi"), {.decoder_threads = 1});
  auto expected = counting(kWholeFrames);
  expected.erase(expected.begin() + 9);
  EXPECT_EQ(played.numbers, expected);
  EXPECT_EQ(played.damaged, 1U);
}

TEST(MediaDamaged, AFileWithoutASingleGoodFrameFailsToOpen) {
  const Folder folder;
  auto bytes = read_bytes(write_video(folder.file("whole.mp4"), kWholeFrames));
  const Bytes box = {'m', 'd', 'a', 't'};
  const auto start = std::search(bytes.begin(), bytes.end(), box.begin(), box.end()) + 8;
  const Bytes next = {'m', 'o', 'o', 'v'};
  const auto end = std::search(start, bytes.end(), next.begin(), next.end()) - 4;
  std::fill(start, end, '\x55');
  write_bytes(folder.file("garbage.mp4"), bytes);
  const auto message = message_of<SourceError>([&] { play(folder.file("garbage.mp4")); });
  EXPECT_TRUE(contains(message, "garbage.mp4")) << message;
  EXPECT_TRUE(contains(message, "damaged")) << message;
}

TEST(MediaDamage, AnIndexThatEndsAtADamageCountsTheRest) {
  const Folder folder;
  const auto path = write_video(folder.file("clip.mp4"), kWholeFrames);
  auto bytes = read_bytes(path);
  const std::string name = "stsz";
  const auto table = std::find_end(bytes.begin(), bytes.end(), name.begin(), name.end());
  ASSERT_NE(table, bytes.end());
  table[16 + 4 * 20] = 0x7F;  // 2 GB as the 21st size, after name, version, default size and count
  write_bytes(path, bytes);
  const auto outcome = try_to_play(path);
  EXPECT_EQ(outcome.frames + outcome.damaged, static_cast<std::size_t>(kWholeFrames));
  EXPECT_GT(outcome.damaged, 0U);
}

TEST(MediaDamage, AVideoThatGoesOnUnderAnotherPidIsReadAsFfmpegReadsIt) {
  const Folder folder;
  const auto one = read_bytes(write_video(folder.file("one.ts"), 3));
  auto two = read_bytes(write_video(folder.file("two.ts"), 50));
  for (std::size_t at = 0; at + 188 <= two.size();
       at += 188) {  // 0x100 -> 0x150, also in the program map table
    const int pid = ((two[at + 1] & 0x1F) << 8) | static_cast<unsigned char>(two[at + 2]);
    if (pid == 0x100) two[at + 2] = 0x50;
  }
  Bytes joined = one;
  joined.insert(joined.end(), two.begin(), two.end());
  const auto path = folder.file("joined.ts");
  write_bytes(path, joined);
  const auto outcome = try_to_play(path);
  EXPECT_GE(outcome.frames + outcome.damaged, bare_count(path));
}

TEST(MediaDamagedTimes, FramesThatTheDecoderDropsInSilenceAreCounted) {
  const Folder folder;
  const auto path = write_video(folder.file("a.mp4"), 100);
  auto bytes = read_bytes(path);
  const std::string name = "ctts";
  const auto table = std::search(bytes.rbegin(), bytes.rend(), name.rbegin(), name.rend());
  if (table == bytes.rend()) GTEST_SKIP() << "no encoder here reorders frames";
  EXPECT_EQ(play(path).damaged, 0U);
  // FFmpeg ignores the whole table if a frame's time is this far from its position in the file.
  constexpr std::ptrdiff_t kSecondOffset = 20;  // after version, number of entries, and the first entry
  *(table.base() + kSecondOffset) = 0x7F;
  write_bytes(path, bytes);
  const auto played = play(path);
  EXPECT_EQ(played.numbers.size() + played.damaged, 100U);
}

}  // namespace
}  // namespace freshframe::test
