// The capture times of frames of an HLS playlist.
// SPDX-License-Identifier: Apache-2.0
#include "media/stream/playlist.hpp"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe::media::playlist_test {
namespace {

TEST(Playlist, HasTheTimesOfItsSegments) {
  const auto playlist = parse_playlist(
      "#EXTM3U\r\n#EXT-X-TARGETDURATION:2\r\n#EXTINF:2.0,\r\n1.ts\r\n"
      "#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:01:00.250Z\n#EXTINF:2.5,title\n2.ts\n#EXTINF:2,\n../a/3.ts?x=1\n"
      "#EXT-X-DISCONTINUITY\n#EXTINF:2,\n4.ts\n");
  ASSERT_EQ(playlist.segments.size(), 4U);
  EXPECT_FALSE(playlist.is_master);
  EXPECT_EQ(playlist.segments[0].time, std::nullopt);
  EXPECT_EQ(playlist.segments[1].time, 60.25);
  EXPECT_EQ(playlist.segments[2].time, 62.75) << "behind the one with the time";
  EXPECT_EQ(playlist.segments[3].time, std::nullopt) << "behind a discontinuity";
  EXPECT_EQ(find_any_time(playlist, {"http://h/live.m3u8", "http://h/2.ts"}), 60.25);
  EXPECT_EQ(find_any_time(playlist, {"http://h/a/3.ts?x=1"}), 62.75);
  EXPECT_EQ(find_any_time(playlist, {"http://h/1.ts"}), std::nullopt);
}

TEST(Playlist, DoesNotConfuseSegmentsWithSimilarNames) {
  const auto playlist = parse_playlist(
      "#EXTM3U\n#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:01:00Z\n#EXTINF:2,\n1.ts\n#EXTINF:2,\n11.ts\n"
      "#EXTINF:2,\n../\n#EXTINF:2,\nall.ts\n#EXTINF:2,\nall.ts\n");
  EXPECT_EQ(find_any_time(playlist, {"http://h/11.ts"}), 62);
  EXPECT_EQ(find_any_time(playlist, {"http://h/21.ts"}), std::nullopt);
  EXPECT_EQ(find_any_time(playlist, {"http://h/all.ts"}), std::nullopt) << "ranges of one file";
}

TEST(Playlist, HasOnlyAnnouncedSegments) {
  const auto playlist = parse_playlist("#EXTM3U\na\n#EXTINF:2,\n1.ts\nb\n\nc\n");
  ASSERT_EQ(playlist.segments.size(), 1U);
  EXPECT_EQ(playlist.segments[0].uri, "1.ts");
}

TEST(Playlist, MayHaveManyRangesOfOneFile) {
  std::string text = "#EXTM3U\n#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:01:00Z\n";
  for (int i = 0; i < 300'000; ++i) text += "#EXTINF:2,\nall.ts\n";
  EXPECT_EQ(find_any_time(parse_playlist(text), {"http://h/all.ts"}), std::nullopt) << "soon";
}

TEST(Playlist, HasFiniteTimes) {
  for (const char* seconds : {"nan", "inf", "-3", "x", ""}) {
    const auto playlist =
        parse_playlist(std::string("#EXTM3U\n#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:01:00Z\n"
                                   "#EXTINF:") +
                       seconds + ",\n1.ts\n#EXTINF:2,\n2.ts\n");
    EXPECT_EQ(playlist.segments.at(1).time, 60) << seconds;
  }
  const auto playlist = parse_playlist(
      "#EXTM3U\n#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:01:00Z\n#EXTINF:4.5,title\n1.ts\n#EXTINF:2,\n2.ts\n");
  EXPECT_EQ(playlist.segments.at(1).time, 64.5);
}

TEST(Playlist, HasANewestSegment) {
  const auto playlist =
      parse_playlist("#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:41\n#EXTINF:2,\n1.ts\n#EXTINF:3.5,\n2.ts\n");
  EXPECT_EQ(playlist.newest(), 42);
  EXPECT_EQ(playlist.seconds, 3.5);
  EXPECT_FALSE(playlist.is_over);
  EXPECT_TRUE(parse_playlist("#EXTM3U\n#EXTINF:2,\n1.ts\n#EXT-X-ENDLIST\n").is_over);
  EXPECT_EQ(parse_playlist("#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:99999999999999999999\n").first, 0);
}

TEST(Playlist, GetsAnotherLengthOfItsLastSegment) {
  EXPECT_EQ(with_last_duration("#EXTINF:2,\n1.ts\n#EXTINF:3.5,title\r\n2.ts\n", "0.01"),
            "#EXTINF:2,\n1.ts\n#EXTINF:0.01,title\r\n2.ts\n");
  EXPECT_EQ(with_last_duration("#EXTINF:2", "0.01"), "#EXTINF:0.01");
  EXPECT_EQ(with_last_duration("#EXTM3U\n", "0.01"), "#EXTM3U\n");
}

TEST(Playlist, HasNumbersThatGoOnOrBeginAgain) {
  const auto of = [](int first, int count, const std::string& name = "", const std::string& end = "") {
    std::string text = "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:" + std::to_string(first) + "\n";
    for (int i = first; i < first + count; ++i)
      text += "#EXTINF:1,\n" + name + std::to_string(i) + ".ts?" + end + "\n";
    return parse_playlist(text + end);
  };
  const auto last = of(10, 5);
  for (const auto& next :
       {of(10, 5), of(11, 5), of(20, 5), of(9, 6), of(0, 15), of(10, 5, "b"), of(10, 0), of(0, 0)})
    EXPECT_EQ(compare_numbering(next, last), Numbering::Onward) << next.first;
  for (const auto& next : {of(9, 5), of(8, 5), of(10, 3), of(9, 5, "", "token")})
    EXPECT_EQ(compare_numbering(next, last), Numbering::Stale) << next.first;
  for (const auto& next : {of(0, 1), of(0, 5), of(9, 5, "b"), of(0, 20, "b"), of(7, 5)})
    EXPECT_EQ(compare_numbering(next, last), Numbering::Again) << next.first;
  EXPECT_EQ(compare_numbering(of(0, 1), of(0, 0)), Numbering::Onward);
}

TEST(Playlist, GetsAnotherNumberOfItsFirstSegment) {
  EXPECT_EQ(with_first_number("#EXTM3U\r\n#EXT-X-MEDIA-SEQUENCE:7\r\n#EXTINF:1,\n7.ts", 9),
            "#EXTM3U\r\n#EXT-X-MEDIA-SEQUENCE:9\n#EXTINF:1,\n7.ts");
  EXPECT_EQ(with_first_number("#EXTM3U\n#EXTINF:1,\n0.ts\n", 9),
            "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:9\n#EXTINF:1,\n0.ts\n");
}

TEST(Playlist, LosesItsEndAndNothingElse) {
  EXPECT_EQ(without_end("#EXTM3U\r\n#EXTINF:2,\r\n1.ts\r\n#EXT-X-ENDLIST\r\n"),
            "#EXTM3U\r\n#EXTINF:2,\r\n1.ts\r\n");
  EXPECT_EQ(without_end("#EXT-X-ENDLIST\n#EXTM3U\n1.ts"), "#EXTM3U\n1.ts");
  EXPECT_EQ(without_end("#EXT-X-ENDLISTS"), "#EXT-X-ENDLISTS");
}

TEST(Playlist, NamesItsParametersAndItsEncryption) {
  const auto playlist = parse_playlist(
      "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXT-X-MAP:URI=\"a.mp4\"\n#EXTINF:2,\n1.m4s\n"
      "#EXT-X-MAP:BYTERANGE=\"7@0\",URI=\"b,c.mp4\"\n#EXT-X-MAP:X=\"URI=d\"\n#EXT-X-MAP:\n#EXT-X-MAP:URI=\"\n");
  EXPECT_EQ(playlist.maps, (std::vector<std::string>{"a.mp4", "b,c.mp4"}));
  EXPECT_TRUE(playlist.is_playlist);
  EXPECT_EQ(playlist.encryption, "") << "FFmpeg decrypts whole segments";
  EXPECT_EQ(parse_playlist("#EXT-X-KEY:URI=\"METHOD=NONE\", METHOD=SAMPLE-AES\n").encryption, "SAMPLE-AES");
  EXPECT_FALSE(parse_playlist("#EXTINF:2,\n1.ts\n").is_playlist);
}

TEST(Playlist, NamesEachEncryptionThatCannotBeRead) {
  const auto encryption_of = [](const std::string& keys) {
    return parse_playlist("#EXTM3U\n#EXTINF:2,\n0.ts\n" + keys + "#EXTINF:2,\n1.ts\n").encryption;
  };
  const std::string sample = "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"k\"\n";
  const std::string whole = "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n";
  for (const std::string method : {"SAMPLE-AES", "SAMPLE-AES-CTR", "SAMPLE-AES-CENC", "ISO-23001-7",
                                   "AES-256", "AES-256-GCM", "aes-128", "none", "AES-128 ", "junk"}) {
    const auto named = encryption_of("#EXT-X-KEY:METHOD=" + method + ",URI=\"k\"\n");
    EXPECT_EQ(named, method) << "in the middle of a playlist";
  }
  EXPECT_EQ(encryption_of("#EXT-X-KEY:URI=\"k\"\n"), "a key without a METHOD");
  EXPECT_EQ(encryption_of("#EXT-X-KEY:METHOD=AES-128,URI=\"skd://k\",KEYFORMAT=\"com.apple\"\n"),
            "AES-128 with KEYFORMAT=com.apple");
  EXPECT_EQ(encryption_of("#EXT-X-KEY:METHOD=AES-128,URI=\"k\",KEYFORMAT=\"identity\"\n"), "");
  EXPECT_EQ(encryption_of("#EXT-X-KEY:METHOD=\"AES-128\",URI=\"k\"\n"), "");
  EXPECT_EQ(encryption_of(sample + whole), "") << "FFmpeg uses the last of several keys";
  EXPECT_EQ(encryption_of(whole + sample), "SAMPLE-AES");
  EXPECT_EQ(encryption_of(sample + "#EXT-X-KEY:METHOD=NONE\n"), "");
  EXPECT_EQ(encryption_of(sample + "#EXTINF:2,\n2.ts\n#EXT-X-KEY:METHOD=NONE\n"), "SAMPLE-AES");
  EXPECT_EQ(parse_playlist("#EXTM3U\n#EXTINF:2,\n1.ts\n" + sample).encryption, "SAMPLE-AES")
      << "of the next one";
  const auto master = parse_playlist(
      "#EXTM3U\n#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI=\"k\"\n#EXT-X-STREAM-INF:BANDWIDTH=1\na.m3u8\n");
  EXPECT_EQ(master.encryption, "SAMPLE-AES");
}

TEST(Playlist, NamesAByteRangeThatCannotBeRead) {
  const auto fault_of = [](const std::string& tag) {
    return find_fault(parse_playlist("#EXTM3U\n#EXTINF:2,\n" + tag + "\na.ts\n"));
  };
  for (const std::string range : {"100@0", "100", "0@5", " 100 @ 7", "4611686018427387904@1"}) {
    EXPECT_EQ(fault_of("#EXT-X-BYTERANGE:" + range), "") << range;
    EXPECT_EQ(fault_of("#EXT-X-MAP:URI=\"a\",BYTERANGE=\"" + range + "\""), "") << range;
  }
  for (const std::string range :
       {"abc", "abc@0", "100@", "100@x", "@0", "-1@0", "100@-1", "1e3@0", "0x10@0", "100@0@0", "100,0",
        "100@0 x", "9223372036854775808@0", "100@99999999999999999999"}) {
    const auto words = "its playlist has the byte range '" + range + "'";
    EXPECT_TRUE(fault_of("#EXT-X-BYTERANGE:" + range).starts_with(words)) << range;
    EXPECT_TRUE(fault_of("#EXT-X-MAP:URI=\"a\",BYTERANGE=\"" + range + "\"").starts_with(words)) << range;
  }
  EXPECT_NE(fault_of("#EXT-X-BYTERANGE:"), "");
  EXPECT_EQ(fault_of("#EXT-X-MAP:URI=\"a\""), "");
}

TEST(Playlist, HasTagsOfAnyBytes) {
  const std::string tags =
      "#EXTINF:9,%\n#EXT-X-%:%\n# %\n#EXT-X-DATERANGE:ID=\"%\",X=\"#EXTINF:7,%\"\n#EXT-X-PROGRAM-DATE-TIME:%\n"
      "#EXT-X-KEY:METHOD=NONE,URI=\"%\"\n#EXT-X-MAP:X=\"%\",URI=\"a.mp4\",Y=%\n";
  for (const std::string& text :
       {std::string("ung\xfcltig"), std::string("\xe3\x81"), std::string("\xed\xb3\xbf"),
        std::string("\x9b\0", 2), std::string(100'000, '\xfc')}) {
    std::string lines;
    for (const char one : tags) lines += one == '%' ? text : std::string(1, one);
    const auto all = "#EXTM3U\n#EXTINF:2,\n1.ts\n" + lines + "2" + text + ".ts\n";
    const auto playlist = parse_playlist(all);
    ASSERT_EQ(playlist.segments.size(), 2U);
    EXPECT_EQ(playlist.segments[1].uri, "2" + text + ".ts");
    EXPECT_EQ(playlist.segments[1].time, std::nullopt);
    EXPECT_EQ(playlist.seconds, 9);
    EXPECT_EQ(playlist.encryption, "");
    EXPECT_EQ(playlist.maps, std::vector<std::string>{"a.mp4"});
    EXPECT_EQ(parse_playlist("#EXT-X-KEY:METHOD=" + text).encryption, text);
    EXPECT_EQ(without_end(all), all);
    const auto changed = with_last_duration(all, "0.01");
    EXPECT_EQ(parse_playlist(changed).seconds, 0.01) << "of the line, not of another tag's text";
    EXPECT_EQ(changed.size(), all.size() + 3);
  }
}

TEST(Playlist, HasLinesThatEndAsFFmpegsDo) {
  const auto playlist =
      parse_playlist("#EXTM3U\r#EXTINF:2,\r1.ts\t\r#EXTINF:3,\r\n2.ts \n\r\n#EXT-X-ENDLIST\f");
  ASSERT_EQ(playlist.segments.size(), 2U);
  EXPECT_EQ(playlist.segments[0].uri, "1.ts");
  EXPECT_EQ(playlist.segments[1].uri, "2.ts");
  EXPECT_TRUE(playlist.is_over);
}

TEST(Playlist, MayListOthers) {
  EXPECT_TRUE(parse_playlist("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow.m3u8\n").is_master);
  EXPECT_TRUE(parse_playlist("").segments.empty());
}

TEST(DateTime, HasATimeZone) {
  EXPECT_EQ(parse_date_time("2026-11-22T19:10:00Z"), 1795374600.0);
  EXPECT_EQ(parse_date_time("2026-11-22T20:10:00.5+01:00"), 1795374600.5);
  EXPECT_EQ(parse_date_time("2026-11-22T14:40:00-0430"), 1795374600.0);
  EXPECT_EQ(parse_date_time("2026-11-22T20:10:00+01"), 1795374600.0);
  for (const char* text :
       {"", "2026", "2026-11-22T19:10:00", "2026-13-01T00:00:00Z", "2026-11-22T19:10:00Zx", "x"}) {
    EXPECT_EQ(parse_date_time(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace freshframe::media::playlist_test
