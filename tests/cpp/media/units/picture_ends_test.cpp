// Where pictures end, with marks that are true and marks that lie.
// SPDX-License-Identifier: Apache-2.0
#include "media/units/picture_ends.hpp"

#include <cstdint>
#include <string>

#include <gtest/gtest.h>

namespace freshframe::media::test {
namespace {

/// Packets as text, a letter each: 's' a slice, 'p' parameter sets, 'f' filler; a capital letter has the
/// marker; a digit sets the timestamp of the following packets. The result has '|' where pictures end.
std::string cut(PictureEnds& ends, const std::string& packets) {
  std::string text;
  std::uint32_t timestamp = 0;
  for (const char c : packets) {
    if (c >= '0' && c <= '9') {
      timestamp = static_cast<std::uint32_t>(c - '0');
      continue;
    }
    const bool marker = c >= 'A' && c <= 'Z';
    const char kind = marker ? static_cast<char>(c - 'A' + 'a') : c;
    const auto verdict =
        ends.add({.timestamp = timestamp, .marker = marker, .coded = kind == 's', .tail = kind == 'f'});
    if (verdict.before) text += '|';
    text += c;
    if (verdict.after) text += '|';
  }
  return text;
}

std::string cut(const std::string& packets) {
  PictureEnds ends;
  return cut(ends, packets);
}

TEST(PictureEnds, LearnsThatMarkersAreTrue) {
  PictureEnds ends;
  EXPECT_EQ(cut(ends, "1ppsS2sS3sS4sS5sS6ppsS"), "ppsS|sS|sS|sS|sS|ppsS|");
  EXPECT_TRUE(ends.believes_markers());
  EXPECT_EQ(ends.faults(), 0);
}

TEST(PictureEnds, EndsPicturesAtOnceWhereMarkersWereTrueBefore) {
  PictureEnds ends(true);
  EXPECT_EQ(cut(ends, "1sS2sS"), "sS|sS|");
}

TEST(PictureEnds, NeverTearsWhereEachUnitIsMarked) {
  EXPECT_EQ(cut("1PSSSS2SSSS3SSSS4SSSS5SSSS"), "PSSSS|SSSS|SSSS|SSSS|SSSS");
}

TEST(PictureEnds, EndsAtTheTimestampWithoutMarkers) {
  EXPECT_EQ(cut("1ss2ss3ss4ss5s"), "ss|ss|ss|ss|s");
}

TEST(PictureEnds, DoesNotEndAtMarkedParameterSets) {
  PictureEnds ends;
  EXPECT_EQ(cut(ends, "1PPsS2sS3sS4sS5PPsS"), "PPsS|sS|sS|sS|PPsS|");
  EXPECT_TRUE(ends.believes_markers());
}

TEST(PictureEnds, GivesParameterSetsToTheNextPictureWhateverTheirTimestamp) {
  PictureEnds ends(true);
  EXPECT_EQ(cut(ends, "1sS1pp2sS"), "sS|ppsS|");
  EXPECT_EQ(ends.faults(), 0);
}

TEST(PictureEnds, EndsWithFillerBehindTheSlices) {
  EXPECT_EQ(cut("1sF2sF3sF4sF5sF"), "sF|sF|sF|sF|sF|");
}

TEST(PictureEnds, StopsBelievingAfterASliceOfAPictureThatHadEnded) {
  PictureEnds ends(true);
  EXPECT_EQ(cut(ends, "1SS2SS3SS4SS5SS6S"), "S|S|SS|SS|SS|SS|S") << "torn once, and never again";
  EXPECT_EQ(ends.faults(), 1);
  EXPECT_FALSE(ends.believes_markers());
}

TEST(PictureEnds, EndsAPictureWhoseMarkedPacketIsLost) {
  PictureEnds ends(true);
  EXPECT_EQ(cut(ends, "1sS2s3sS"), "sS|s|sS|");
  EXPECT_EQ(ends.faults(), 0);
}

}  // namespace
}  // namespace freshframe::media::test
