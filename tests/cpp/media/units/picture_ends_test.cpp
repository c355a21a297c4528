// Where images end, with reliable and unreliable markers and timestamps.
// SPDX-License-Identifier: Apache-2.0
#include "media/units/picture_ends.hpp"

#include <cctype>
#include <cstdint>
#include <string>

#include <gtest/gtest.h>

namespace freshframe::media::test {
namespace {

using Trust = PictureEnds::Trust;

/// Returns `packets` with '|' where images end. It has one letter per packet: 'n' begins an image, 'c' continues one,
/// 'k' begins a keyframe, 's' is a slice with only a timestamp, 'h' the first field of an image, 'p' parameter sets,
/// 'a' a delimiter, 'f' filler. A capital letter has the marker bit. A digit sets the timestamp of the packets after
/// it, and '-' is a loss.
std::string cut(PictureEnds& ends, const std::string& packets) {
  std::string text;
  std::uint32_t timestamp = 0;
  bool lost = false;
  for (const char c : packets) {
    if (std::isdigit(static_cast<unsigned char>(c)) != 0) {
      timestamp = static_cast<std::uint32_t>(c - '0');
      continue;
    }
    if (c == '-') {
      lost = true;
      continue;
    }
    const char kind = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const bool begins = kind == 'n' || kind == 'k' || kind == 'h';
    const auto place = begins        ? SlicePlace::Begins
                       : kind == 'c' ? SlicePlace::Continues
                                     : SlicePlace::Unknown;
    const auto verdict = ends.add({.timestamp = timestamp,
                                   .marker = kind != c,
                                   .coded = begins || kind == 'c' || kind == 's',
                                   .tail = kind == 'f',
                                   .delimiter = kind == 'a',
                                   .key = kind == 'k',
                                   .half = kind == 'h',
                                   .after_loss = lost,
                                   .place = place});
    lost = false;
    if (verdict.before) text += '|';
    text += c;
    if (verdict.after) text += '|';
  }
  return text;
}

struct Row {
  const char* sender;
  const char* packets;
  const char* images;
  Trust trust = Trust::Learned;
};

class OddSender : public testing::TestWithParam<Row> {};

TEST_P(OddSender, HasItsImagesCutWhereTheStreamSays) {
  PictureEnds ends(GetParam().trust);
  EXPECT_EQ(cut(ends, GetParam().packets), GetParam().images);
}

INSTANTIATE_TEST_SUITE_P(
    PictureEnds, OddSender,
    testing::Values(
        Row{"true markers", "1knC2nC3nC4nC5nC", "k|nC|nC|nC|nC|nC|"},
        Row{"true markers, learned", "1pkC2nC3nC4nC5pkC", "pkC|nC|nC|nC|pkC|"},
        Row{"one timestamp, markers", "7kC7nC7nC7nC7nC", "kC|nC|nC|nC|nC|"},
        Row{"one timestamp, no marker", "7kc7nc7nc7n", "kc|nc|nc|n"},
        Row{"one timestamp, each packet marked", "7KC7NC7NC7N", "KC|NC|NC|N"},
        Row{"one timestamp, single packets marked", "7KNNNNN", "K|N|N|N|N|N|"},
        Row{"a timestamp per second", "1kcncnc2ncnc", "kc|nc|nc|nc|nc"},
        Row{"timestamps that differ inside an image", "1k2c3c4n5c6c7n8c9C", "kcc|ncc|ncC"},
        Row{"timestamps that differ inside an image, markers", "1k2C3n4C5n6C7n8C", "kC|nC|nC|nC|"},
        Row{"random timestamps, no marker", "9kc2nc7nc1nc4n", "kc|nc|nc|nc|n"},
        Row{"timestamps that go back", "5kc4nc3nc2n", "kc|nc|nc|n"},
        Row{"no markers", "1kc2nc3nc4n", "kc|nc|nc|n"},
        Row{"markers on keyframes only", "1kC2nc3nc4kC5n", "kC|nc|nc|kC|n"},
        Row{"markers missing sometimes", "1kC2nC3nC4nc5nC6nC", "kC|nC|nC|nc|nC|nC|"},
        Row{"markers on parameter sets", "1PPkC2nC3nC4nC5PPkC", "PPkC|nC|nC|nC|PPkC|"},
        Row{"markers on the first packet", "1Kc2Nc3Nc4Nc5N", "Kc|Nc|Nc|Nc|N"},
        Row{"true on small images, false on keyframes", "1N2N3N4N5KC6N7N8KC9N", "N|N|N|N|KC|N|N|KC|N|"},
        Row{"markers on each packet, believed before", "1NC2NC3NC", "N|C|NC|NC", Trust::Believed},
        Row{"markers on each packet, refuted before", "1NC2NC3NC", "NC|NC|NC", Trust::Refuted},
        Row{"markers on each packet of a codec with offsets", "1KCC2KCC3KCC", "KCC|KCC|KCC", Trust::Early},
        Row{"true markers of a codec with offsets", "1kcC2kcC3K", "kcC|kcC|K|", Trust::Early},
        Row{"no markers of a codec with offsets", "1kcc2kcc3k", "kcc|kcc|k", Trust::Early},
        Row{"false markers of a codec with offsets", "1kCc2kCc3k", "kC|c|kCc|k", Trust::Early},
        Row{"parameter sets with the time before", "1nC1pp2nC", "nC|ppnC|", Trust::Believed},
        Row{"parameter sets inside an image", "1kpcp2npc", "kpcp|npc"},
        Row{"a delimiter before each image", "1ak2an3an", "ak|an|an"},
        Row{"a delimiter between the slices", "1akac2anac3an", "ak|aca|naca|n"},
        Row{"delimiters with one timestamp", "7akc7anc7an", "akc|anc|an"},
        Row{"filler after the slices", "1kF2nF3nF4nF5nF", "kF|nF|nF|nF|nF|"},
        Row{"two fields with a marker each", "1HC2HC3HC4HC5HC", "HC|HC|HC|HC|HC|"},
        Row{"two fields with a timestamp each", "1h2C3h4C5h6C7h8C", "hC|hC|hC|hC|"},
        Row{"a lost marker", "1nC2n-3nC", "nC|n|nC|", Trust::Believed},
        Row{"a lost beginning", "1nC-2C3nC", "nC|C|nC|", Trust::Believed},
        Row{"a lost end and beginning", "1n-2C3nC", "n|C|nC|", Trust::Believed},
        Row{"a loss inside an image", "1n-1C2nC", "nC|nC|", Trust::Believed},
        Row{"timestamps alone", "1ss2ss3s", "ss|ss|s"},
        Row{"timestamps alone, with markers", "1sS2sS3sS4sS5sS", "sS|sS|sS|sS|sS|"},
        Row{"timestamps alone, each packet marked", "1SSS2SSS3SSS4SSS", "SSS|SSS|SSS|SSS"}),
    [](const testing::TestParamInfo<Row>& row) {
      std::string name;
      for (const char c : std::string(row.param.sender)) {
        if (std::isalnum(static_cast<unsigned char>(c)) != 0) name += c;
      }
      return name;
    });

TEST(PictureEnds, LearnsThatMarkersAreTrue) {
  PictureEnds ends;
  static_cast<void>(cut(ends, "1ppkC2nC3nC4n"));
  EXPECT_TRUE(ends.believes_markers());
  EXPECT_EQ(ends.trust(), Trust::Believed);
  EXPECT_EQ(ends.faults(), 0);
}

TEST(PictureEnds, StopsBelievingAfterAPacketOfAnImageThatHadEnded) {
  PictureEnds ends(Trust::Believed);
  static_cast<void>(cut(ends, "1NC2NC3NC4NC5NC6N"));
  EXPECT_EQ(ends.faults(), 1);
  EXPECT_FALSE(ends.believes_markers());
  EXPECT_EQ(ends.trust(), Trust::Refuted);
}

TEST(PictureEnds, DoesNotTakeALossForAFalseMarker) {
  PictureEnds ends(Trust::Believed);
  static_cast<void>(cut(ends, "1nC-2C-3c-4C5nC"));
  EXPECT_EQ(ends.faults(), 0);
}

}  // namespace
}  // namespace freshframe::media::test
