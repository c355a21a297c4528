// The playlists of a live stream that are passed to FFmpeg's demuxer, read from files instead of a server.
// SPDX-License-Identifier: Apache-2.0
#include "sources/network/input/live_playlists.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "media/ffmpeg/ptr.hpp"
#include <gtest/gtest.h>

namespace freshframe::media::live_playlists_test {
namespace {

using std::chrono::steady_clock;

constexpr const char* kUrl = "http://h/live.m3u8";

/// The data of a connection: a string, and then an FFmpeg error code.
struct Source {
  std::string text;
  int end = AVERROR_EOF;
};

int read_source(void* opaque, std::uint8_t* to, int size) {
  auto& source = *static_cast<Source*>(opaque);
  if (source.text.empty()) return source.end;
  const auto count = std::min(static_cast<std::size_t>(size), source.text.size());
  std::ranges::copy_n(source.text.begin(), static_cast<std::ptrdiff_t>(count), to);
  source.text.erase(0, count);
  return static_cast<int>(count);
}

OwnIoPtr io_of(Source& source) {
  return make_reading_io(4096, &source, &read_source);
}

std::string playlist_of(int first, int count) {
  std::string text = "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:" + std::to_string(first) +
                     "\n#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:01:00Z\n";
  for (int i = first; i < first + count; ++i) text += "#EXTINF:20,\n" + std::to_string(i) + ".ts\n";
  return text;
}

/// A playlist that FFmpeg reloads repeatedly.
class LivePlaylistsTest : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(file_); }

  [[nodiscard]] int add(const std::string& text, bool waits = true, const std::string& url = kUrl) {
    Source source{text};
    const auto io = io_of(source);
    return playlists_.add(url, *io, steady_clock::now(), waits);
  }
  /// Reloads the playlist from a server that responds with `text`. Returns 0 or an FFmpeg error code.
  [[nodiscard]] int reload(const std::string& text, const std::string& url = kUrl) {
    std::ofstream(file_, std::ios::binary) << text;
    AVIOContext* io = nullptr;
    const int result = playlists_.reload(
        url, [&](AVIOContext*& made) { return avio_open(&made, file_.c_str(), AVIO_FLAG_READ); }, io);
    IoPtr opened(io);
    if (result >= 0) read_ = take_text(*opened).value_or("");
    return result;
  }

  /// Adds the playlist of another connection to the same server.
  [[nodiscard]] int add_later(const std::string& text) {
    Source source{text};
    const auto io = io_of(source);
    LivePlaylists later(interrupt_, grows_);
    const int result = later.add(kUrl, *io, steady_clock::now(), true);
    read_ = take_text(*io).value_or("");
    later_are_over_ = later.are_over();
    return result;
  }

  Interrupt interrupt_;
  std::atomic<bool> grows_ = false;
  bool later_are_over_ = false;
  LivePlaylists playlists_{interrupt_, grows_};
  std::string read_;  // what FFmpeg has read
  const std::string file_ =
      std::filesystem::temp_directory_path() /
      ("freshframe_playlist_" + std::to_string(steady_clock::now().time_since_epoch().count()));
};

TEST_F(LivePlaylistsTest, AreNotWaitedForWhileTheyHaveUnreadSegments) {
  interrupt_.arm(1);  // the timeout is 1 s, a segment lasts 20 s
  ASSERT_EQ(add(playlist_of(7, 1)), 0);
  playlists_.note_opened("http://h/7.ts");
  ASSERT_EQ(add(playlist_of(8, 3)), 0) << "three at once, as after a pause of the server";
  for (const char* segment : {"http://h/8.ts", "http://h/9.ts", "http://h/10.ts"}) {
    EXPECT_EQ(reload(playlist_of(8, 3)), 0) << "asked before " << segment;
    EXPECT_TRUE(read_.ends_with("#EXTINF:0.01,\n10.ts\n"));
    playlists_.note_opened(segment);
  }
  EXPECT_EQ(reload(playlist_of(8, 3)), AVERROR_EXIT) << "all were read: there is nothing until the limit";
}

TEST_F(LivePlaylistsTest, WithEqualSegmentNamesAreDistinguishedByTheirFolders) {
  interrupt_.arm(1);
  const std::string small = "http://h/small/live.m3u8?token=a/b";
  const std::string large = "http://h/large/live.m3u8";
  ASSERT_EQ(add(playlist_of(7, 2), true, small), 0);
  ASSERT_EQ(add(playlist_of(7, 2), true, large), 0);
  playlists_.note_opened("http://h/small/8.ts");
  EXPECT_EQ(reload(playlist_of(7, 2), large), 0) << "its newest segment was not read";
  EXPECT_EQ(reload(playlist_of(7, 2), small), AVERROR_EXIT) << "its newest segment was read";
}

TEST_F(LivePlaylistsTest, ThatWereRedirectedKnowTheirSegmentsByName) {
  interrupt_.arm(1);
  ASSERT_EQ(add(playlist_of(7, 2)), 0);
  playlists_.note_opened("http://elsewhere/live/8.ts");
  EXPECT_EQ(reload(playlist_of(7, 2)), AVERROR_EXIT);
}

TEST_F(LivePlaylistsTest, AreReloadedLaterAfterAnInvalidResponse) {
  interrupt_.arm(1);
  ASSERT_EQ(add(playlist_of(7, 2)), 0);
  EXPECT_EQ(reload(""), AVERROR_EXIT) << "asked for again until the limit";
  EXPECT_EQ(playlists_.trouble(), AVERROR_INVALIDDATA);
  interrupt_.abandon();
  interrupt_.look();  // as FFmpeg does
  EXPECT_EQ(reload(playlist_of(7, 2)), AVERROR_EXIT) << "a text that an interruption has cut off is none";
  interrupt_.arm(0.5);
  EXPECT_EQ(reload(playlist_of(7, 2)), AVERROR_EXIT) << "not before half a segment";
}

TEST_F(LivePlaylistsTest, AreOverWhenTheirEndComesLater) {
  ASSERT_EQ(add(playlist_of(7, 2)), 0);
  EXPECT_FALSE(playlists_.are_over());
  ASSERT_EQ(reload(playlist_of(7, 2) + "#EXT-X-ENDLIST\n"), 0);
  EXPECT_TRUE(playlists_.are_over());
  EXPECT_EQ(read_, playlist_of(7, 2) + "#EXT-X-ENDLIST\n");
}

TEST_F(LivePlaylistsTest, ThatHaveGrownLoseTheirEndOnALaterConnection) {
  const auto ended = playlist_of(7, 2) + "#EXT-X-ENDLIST\n";
  ASSERT_EQ(add_later(ended), 0);
  EXPECT_EQ(read_, ended) << "it was complete from the beginning";
  EXPECT_FALSE(later_are_over_);
  ASSERT_EQ(add(playlist_of(7, 2)), 0);
  ASSERT_EQ(add_later(ended), 0);
  EXPECT_TRUE(read_.ends_with("#EXTINF:0.01,\n8.ts\n")) << read_;
  EXPECT_TRUE(later_are_over_);
}

TEST_F(LivePlaylistsTest, ThatBeginAgainGetNumbersThatGoOn) {
  ASSERT_EQ(add(playlist_of(20, 3)), 0);
  playlists_.note_opened("http://h/22.ts");
  ASSERT_EQ(reload(playlist_of(0, 2)), 0);
  EXPECT_TRUE(read_.starts_with("#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:23\n#EXT-X-PROGRAM")) << read_;
  EXPECT_TRUE(read_.ends_with("\n0.ts\n#EXTINF:0.01,\n1.ts\n")) << read_;
  ASSERT_EQ(reload(playlist_of(1, 3) + "#EXT-X-ENDLIST\n"), 0);
  EXPECT_TRUE(read_.starts_with("#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:24\n")) << read_;
  EXPECT_FALSE(playlists_.begin_again());
}

TEST_F(LivePlaylistsTest, ThatBeginAgainBeforeAllIsReadEndTheConnection) {
  ASSERT_EQ(add(playlist_of(20, 3)), 0);
  playlists_.note_opened("http://h/21.ts");
  EXPECT_EQ(reload(playlist_of(0, 2)), AVERROR_EXIT);
  EXPECT_TRUE(playlists_.begin_again());
}

TEST_F(LivePlaylistsTest, WhoseKeysNeedTheNumbersEndTheConnectionWhereTheyBeginAgain) {
  ASSERT_EQ(add(playlist_of(20, 3)), 0);
  playlists_.note_opened("http://h/22.ts");
  EXPECT_EQ(reload(playlist_of(0, 2) + "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n"), AVERROR_EXIT);
  EXPECT_TRUE(playlists_.begin_again());
}

TEST_F(LivePlaylistsTest, AreAskedForAgainAfterAnAnswerOfACache) {
  interrupt_.arm(1);
  ASSERT_EQ(add(playlist_of(20, 3)), 0);
  playlists_.note_opened("http://h/22.ts");
  EXPECT_EQ(reload(playlist_of(19, 3)), AVERROR_EXIT) << "a segment lasts twenty seconds";
  EXPECT_FALSE(playlists_.begin_again());
}

TEST_F(LivePlaylistsTest, HaveNoZeroBytes) {
  const std::string with("#EXTM3U\n#EXTINF:2,a\0b\n7.ts\n", 27);
  const std::string without = "#EXTM3U\n#EXTINF:0.01,a b\n7.ts\n";
  ASSERT_EQ(add_later(with), 0);
  EXPECT_EQ(read_, without);
  ASSERT_EQ(add(with), 0);
  ASSERT_EQ(reload(with), 0);
  EXPECT_EQ(read_, without);
}

TEST_F(LivePlaylistsTest, NameTheirEncryptionInWordsForAMessage) {
  ASSERT_EQ(add("#EXTM3U\n#EXT-X-KEY:METHOD=\xfc\x1b" + std::string(200, 'x') + "\n#EXTINF:2,\n1.ts\n"),
            AVERROR_EXIT);
  EXPECT_TRUE(playlists_.fault().starts_with("its samples are encrypted (\uFFFD\uFFFDxx"));
  EXPECT_LE(playlists_.fault().size(), 230U);
}

/// Returns an MP4 box with this content.
std::string box(const std::string& name, const std::string& content) {
  const auto size = static_cast<char>(8 + content.size());
  return std::string(3, '\0') + size + name + content;
}

TEST_F(LivePlaylistsTest, MayHaveEqualParametersAgainAndNoOthers) {
  const auto parameters = [](char written, char codec) {
    const auto times = std::string(7, '\0') + written + std::string(4, '\0');  // after the version and flags
    return box("ftyp", "iso5") + box("moov", box("mvhd", std::string(1, '\0') + times) + codec);
  };
  const auto check = [this](const std::string& url, const std::string& bytes, bool first) {
    Source source{bytes};
    const auto io = io_of(source);
    const int result = playlists_.check_map(url, *io, first);
    EXPECT_EQ(take_text(*io), bytes) << "it can be read all the same";
    return result;
  };
  const std::string map = "#EXTM3U\n#EXT-X-MAP:BYTERANGE=\"9@0\",URI=\"init,1.mp4\"\n#EXTINF:2,\n1.m4s\n";
  ASSERT_EQ(add(map + "#EXT-X-MAP:URI=\"2.mp4\"\n#EXTINF:2,\n1.m4s\n"), 0);
  ASSERT_EQ(check("http://h/init,1.mp4", parameters('a', 'x'), true), 0);
  EXPECT_EQ(check("http://h/2.mp4", parameters('b', 'x'), false), 0) << "written later";
  EXPECT_EQ(check("http://h/3.mp4", parameters('b', 'y'), false), 0) << "it is listed nowhere";
  EXPECT_EQ(check("http://h/2.mp4", box("styp", "msdh") + parameters('b', 'y'), false), 0) << "a segment";
  EXPECT_FALSE(playlists_.has_other_map());
  EXPECT_EQ(check("http://h/2.mp4", parameters('a', 'y'), false), AVERROR_EXIT);
  EXPECT_TRUE(playlists_.has_other_map());
}

TEST_F(LivePlaylistsTest, HaveTimesAlsoWhereFFmpegAsksByItself) {
  ASSERT_EQ(add(playlist_of(7, 2), false), 0);
  EXPECT_FALSE(playlists_.knows(kUrl));
  EXPECT_EQ(playlists_.find_time({"http://h/8.ts"}), 80);
}

TEST(TextIo, UsesWhatHasComeBeforeAnError) {
  Source cut{"#EXTM3U\n#EXTINF:2,\n1.ts\n", AVERROR(EIO)};
  const auto io = io_of(cut);
  ASSERT_TRUE(begins_with(*io, "#EXTM3U"));
  const auto text = take_text(*io);
  ASSERT_EQ(text, "#EXTM3U\n#EXTINF:2,\n1.ts\n");
  put_text(*io, *text);
  EXPECT_EQ(io->error, 0);
  EXPECT_EQ(take_text(*io), text);
  Source nothing{"", AVERROR(EIO)};
  EXPECT_EQ(take_text(*io_of(nothing)), std::nullopt);
}

}  // namespace
}  // namespace freshframe::media::live_playlists_test
