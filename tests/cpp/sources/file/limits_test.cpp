// Headers that claim absurd sizes are refused with a reason before memory is allocated: files, streams,
// cameras.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "cpp/media/files.hpp"
#include "cpp/sources/camera/camera_rig.hpp"
#include "cpp/sources/network/live_server.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

constexpr unsigned kAbsurd = 16000;  // pixels per side; FFmpeg itself rejects more than 16384
constexpr long kMost = 100'000;      // kB; without a limit, each of these needs at least 250'000

/// Measures how much this process's peak memory has grown since the constructor, in kB.
class PeakMemory {
 public:
  PeakMemory() {
    std::ofstream("/proc/self/clear_refs") << "5";  // resets the peak if permitted
    before_ = now();
  }
  [[nodiscard]] long growth() const { return now() - before_; }

 private:
  static long now() {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;) {
      long kilobytes = 0;
      if (word == "VmHWM:" && status >> kilobytes) return kilobytes;
    }
    return 0;
  }
  long before_ = 0;
};

void append_number(Bytes& bytes, std::uint32_t number, int count) {
  for (int i = count - 1; i >= 0; --i) bytes.push_back(static_cast<char>(number >> (8 * i)));
}

/// Returns a keyframe of Sorenson H.263: start code (17 bits), version (5), number (8), format 1 (3: 16-bit sizes
/// follow), width, height, type (2), deblocking (1), quantiser (5), end of the options (1).
Bytes sorenson(unsigned width, unsigned height) {
  std::vector<bool> bits;
  const auto put = [&](unsigned value, int count) {
    for (int i = count - 1; i >= 0; --i) bits.push_back(((value >> i) & 1) != 0);
  };
  put(1, 17);
  put(0, 5 + 8);
  put(1, 3);
  put(width, 16);
  put(height, 16);
  put(0, 2 + 1);
  put(5, 5);
  put(0, 1);
  Bytes bytes((bits.size() + 7) / 8, '\0');
  for (std::size_t i = 0; i < bits.size(); ++i) {
    if (bits[i]) bytes[i / 8] = static_cast<char>(bytes[i / 8] | (0x80 >> (i % 8)));
  }
  bytes.insert(bytes.end(), 4000, '\x55');
  return bytes;
}

/// Returns an FLV file. Its header does not describe the streams.
Bytes absurd_flv() {
  const std::string_view header("FLV\x01\x01\0\0\0\x09\0\0\0\0", 13);
  Bytes file(header.begin(), header.end());
  const auto picture = sorenson(kAbsurd, kAbsurd);
  for (std::uint32_t n = 0; n < 20; ++n) {
    const auto size = static_cast<std::uint32_t>(picture.size()) + 1;
    append_number(file, 9, 1);  // video
    append_number(file, size, 3);
    append_number(file, 40 * n, 3);
    append_number(file, 0, 4);
    append_number(file, 0x12, 1);  // keyframe, Sorenson
    file.insert(file.end(), picture.begin(), picture.end());
    append_number(file, 11 + size, 4);
  }
  return file;
}

/// Changes the size in the MPEG-2 sequence headers of a real file (ITU-T H.262, 6.2.2.1: 12 bits each).
Bytes with_size(Bytes file, unsigned width, unsigned height) {
  const std::string_view start("\0\0\1\xb3", 4);
  for (auto at = file.begin();;) {
    at = std::search(at, file.end(), start.begin(), start.end());
    if (at == file.end()) return file;
    at += 4;
    at[0] = static_cast<char>(width >> 4);
    at[1] = static_cast<char>((width & 15) << 4 | height >> 8);
    at[2] = static_cast<char>(height);
  }
}

/// CRC-32 as in PNG (ISO 3309).
std::uint32_t crc(const char* begin, const char* end) {
  std::uint32_t value = 0xFFFFFFFF;
  for (; begin != end; ++begin) {
    value ^= static_cast<unsigned char>(*begin);
    for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ (value & 1 ? 0xEDB88320 : 0);
  }
  return ~value;
}

/// Returns a real PNG with another size in its header, and with 16-bit RGBA.
Bytes absurd_png(const std::string& path) {
  write_frame(numbered_frame(1), path);
  auto file = read_bytes(path);
  constexpr std::ptrdiff_t kKind = 12;  // after the signature and the length
  Bytes header;
  append_number(header, kAbsurd, 4);
  append_number(header, kAbsurd, 4);
  append_number(header, 16, 1);
  append_number(header, 6, 1);
  std::copy(header.begin(), header.end(), file.begin() + kKind + 4);
  Bytes sum;
  append_number(sum, crc(file.data() + kKind, file.data() + kKind + 17), 4);
  std::copy(sum.begin(), sum.end(), file.begin() + kKind + 17);
  return file;
}

/// Writes numbered frames: MPEG-2 in a program stream (.mpg), otherwise H.264. Returns the path.
std::string write_any(const std::string& path, int count) {
  if (path.substr(path.rfind('.')) != ".mpg") return write_video(path, count);
  write_encoded(path, AV_CODEC_ID_MPEG2VIDEO, AV_PIX_FMT_YUV420P, count, [](AVFrame& frame, int n) {
    const auto source = numbered_frame(n);
    for (std::size_t i = 0; i < 3; ++i) {
      const auto& plane = source.planes()[i];
      for (int y = 0; y < plane.rows; ++y)
        std::copy_n(plane.row(y), plane.row_bytes, frame.data[i] + y * frame.linesize[i]);
    }
  });
  return path;
}

void expect_refused(const std::string& url) {
  const PeakMemory peak;
  Hand hand;
  const auto source =
      open(url, {.reconnect = url.rfind("tcp", 0) == 0 ? std::optional(false) : std::nullopt});
  const auto message = message_of<SourceError>([&] {
    source->open(hand.context());
    while (source->read(hand.context())) {
    }
  });
  source->close();
  EXPECT_TRUE(contains(message, "cannot open") || contains(message, "lost")) << message;
  EXPECT_LT(peak.growth(), kMost) << url;
}

TEST(MediaLimits, AnImageOfAnAbsurdSizeIsRefusedWithAHint) {
  const Folder folder;
  write_bytes(folder.file("a.png"), absurd_png(folder.file("a.png")));
  expect_refused(folder.file("a.png"));
  const auto why = message_of<SourceError>([&] { play(folder.file("a.png")); });
  EXPECT_TRUE(contains(why, "(Picture size 16000x16000 exceeds")) << why;
  EXPECT_TRUE(contains(why, "options={\"max_pixels\"")) << why;
  const PeakMemory peak;
  EXPECT_THROW(static_cast<void>(read_frame(folder.file("a.png"))), SourceError);
  EXPECT_THROW(play(folder.file("*.png")), SourceError);
  EXPECT_LT(peak.growth(), kMost);
}

TEST(MediaLimits, AVideoWhoseStreamsAreFoundByReadingIsRefused) {
  const Folder folder;
  write_bytes(folder.file("a.flv"), absurd_flv());
  expect_refused(folder.file("a.flv"));
}

TEST(MediaLimits, AStreamWhoseStreamsAreFoundByReadingGivesNoFrame) {
  const ByteServer server(absurd_flv());
  expect_refused(server.url());
}

TEST(MediaLimits, AUsersLimitHoldsForStreamsThatAreFoundByReading) {
  const Folder folder;
  for (const std::string name : {"a.flv", "a.mpg", "a.ts", "a.mkv"}) {
    const auto path = write_any(folder.file(name), 30);
    const auto pixels = std::to_string(kWidth * kHeight - 1);
    EXPECT_THROW(play(path, {.options = {{"max_pixels", pixels}}}), SourceError) << name;
    EXPECT_EQ(play(path, {.options = {{"max_pixels", "100000"}}}).numbers, counting(30)) << name;
  }
}

TEST(MediaLimits, ReadingAheadInAFileLosesNothing) {
  const Folder folder;
  for (const std::string name : {"a.flv", "a.mpg"}) {
    const auto path = write_any(folder.file(name), 60);
    const auto played = play(path);
    EXPECT_EQ(played.lumas, bare_lumas(path)) << name;
    EXPECT_EQ(played.numbers.size(), 60U) << name;
    EXPECT_EQ(played.info.fps, 25) << name;
    EXPECT_EQ(played.info.width, kWidth) << name;
    EXPECT_EQ(played.pts.front(), 0) << name;
  }
}

TEST(MediaLimits, AStreamThatIsFoundByReadingPlaysFromItsFirstPicture) {
  const Folder folder;
  for (const std::string name : {"a.flv", "a.mpg"}) {
    const auto path = write_any(folder.file(name), 60);
    const ByteServer server(read_bytes(path));
    Hand hand;
    const auto source = open(server.url(), {.reconnect = false});
    source->open(hand.context());
    std::vector<int> numbers;
    const auto read_all = [&] {
      while (const auto item = source->read(hand.context())) numbers.push_back(number_of(item->value));
    };
    EXPECT_THROW(read_all(), SourceError) << name;  // at the end
    ASSERT_GE(numbers.size(), 50U) << name;         // frames that the decoder still holds at the end are lost
    EXPECT_EQ(numbers, counting(static_cast<int>(numbers.size()))) << name;
    EXPECT_EQ(source->info().width, kWidth) << name;
    source->close();
  }
}

TEST(MediaLimits, ASequenceHeaderThatChangesHalfWayIsDamageAndNoMemory) {
  const Folder folder;
  const auto path = write_any(folder.file("a.mpg"), 60);
  const auto whole = read_bytes(path);
  auto bytes = with_size(whole, 4095, 4095);  // 16.8 million pixels: within the limit
  std::copy_n(whole.begin(), whole.size() / 2, bytes.begin());
  write_bytes(path, bytes);
  const PeakMemory peak;
  const auto played = play(path, {.options = {{"max_pixels", "100000"}}});
  EXPECT_GT(played.numbers.size(), 20U);
  EXPECT_LT(played.numbers.size(), 60U);
  EXPECT_GT(played.damaged, 0U);
  EXPECT_LT(peak.growth(), kMost);
}

TEST(MediaLimits, ACamerasPictureOfAnAbsurdSizeIsDamage) {
  const Folder folder;
  write_frame(numbered_frame(1), folder.file("a.jpg"));
  const auto good = read_bytes(folder.file("a.jpg"));
  auto bad = good;
  const std::string_view frame_header("\xff\xc0", 2);
  const auto at = std::search(bad.begin(), bad.end(), frame_header.begin(), frame_header.end());
  ASSERT_NE(at, bad.end());
  Bytes size;
  append_number(size, kAbsurd, 2);
  append_number(size, kAbsurd, 2);
  std::copy(size.begin(), size.end(), at + 5);
  CameraRig rig;
  rig.camera.modes = {{V4L2_PIX_FMT_MJPEG, kWidth, kHeight, {30}}};
  rig.camera.pictures(6);
  rig.camera.next_picture = [&, n = 0]() mutable {
    const auto& bytes = n++ == 3 ? bad : good;
    return std::vector<std::uint8_t>(bytes.begin(), bytes.end());
  };
  const PeakMemory peak;
  EXPECT_EQ(seqs(rig.run()), (std::vector<std::int64_t>{0, 1, 2, 4, 5}));
  EXPECT_EQ(rig.damaged(), 1U);
  EXPECT_LT(peak.growth(), kMost);
}

}  // namespace
}  // namespace freshframe::test
