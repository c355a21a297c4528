// Packets with start codes or lengths, as a byte stream with start codes.
// SPDX-License-Identifier: Apache-2.0
#include "media/packets/annexb.hpp"

#include "freshframe/error.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe::media {
namespace {

using Data = std::vector<std::uint8_t>;

const Data kSets{0, 0, 0, 1, 0x67, 0x42, 0, 0, 0, 1, 0x68, 0xCE};
const Data kAvcc{1, 0x42, 0, 30, 0xFF, 0xE1, 0, 2, 0x67, 0x42, 1, 0, 2, 0x68, 0xCE};

struct Given {
  Data data;
  bool is_keyframe = true;
  std::string codec = "h264";
  Data extradata = kSets;
};

Data annexb_of(Given given) {
  const bool has_lengths = !given.extradata.empty() && given.extradata[0] == 1;
  const auto stream = std::make_shared<PacketStream>(PacketStream{
      .codec = given.codec, .format = has_lengths ? "avcc" : "annexb", .extradata = given.extradata});
  return to_annexb({.data = given.data, .is_keyframe = given.is_keyframe, .stream = stream});
}

Data operator+(Data left, const Data& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

const Data kImage{0, 0, 0, 1, 0x65, 0x88};

TEST(Annexb, AddsTheSetsToAKeyframeWithoutThem) {
  EXPECT_EQ(annexb_of({.data = kImage}), kSets + kImage);
  EXPECT_EQ(annexb_of({.data = {0, 0, 1, 0x65, 0x88}}), kSets + kImage) << "a start code of three bytes";
  EXPECT_EQ(annexb_of({.data = kSets + kImage}), kSets + kImage) << "they are there";
  EXPECT_EQ(annexb_of({.data = kImage, .is_keyframe = false}), kImage);
  EXPECT_EQ(annexb_of({.data = kImage, .extradata = {}}), kImage) << "none are known";
}

TEST(Annexb, KeepsADelimiterInFront) {
  const Data delimiter{0, 0, 0, 1, 9, 0xF0};
  EXPECT_EQ(annexb_of({.data = delimiter + kImage}), delimiter + kSets + kImage);
  const Data h265_delimiter{0, 0, 0, 1, 0x46, 1, 0x50};
  const Data h265_sets{0, 0, 0, 1, 0x40, 1, 0, 0, 0, 1, 0x42, 1, 0, 0, 0, 1, 0x44, 1};
  const Data h265_image{0, 0, 0, 1, 0x26, 1, 0xAF};
  EXPECT_EQ(annexb_of({.data = h265_delimiter + h265_image, .codec = "hevc", .extradata = h265_sets}),
            h265_delimiter + h265_sets + h265_image);
}

TEST(Annexb, ReplacesLengthsByStartCodes) {
  const Data image{0, 0, 0, 2, 0x65, 0x88};
  EXPECT_EQ(annexb_of({.data = image, .extradata = kAvcc}), kSets + kImage);
  const Data two{0, 0, 0, 1, 0x41, 0, 0, 0, 2, 0x41, 0x9A};
  EXPECT_EQ(annexb_of({.data = two, .is_keyframe = false, .extradata = kAvcc}),
            (Data{0, 0, 0, 1, 0x41, 0, 0, 0, 1, 0x41, 0x9A}));
  auto short_lengths = kAvcc;
  short_lengths[4] = 0xFD;  // lengths of two bytes
  EXPECT_EQ(annexb_of({.data = {0, 2, 0x65, 0x88}, .extradata = short_lengths}), kSets + kImage);
}

TEST(Annexb, ReadsTheSetsOfH265) {
  Data record(21, 0);
  record[0] = 1;
  const Data arrays{0xFF, 2, 0xA0, 0, 1, 0, 2, 0x40, 1, 0xA1, 0, 1, 0, 2, 0x42, 1};
  EXPECT_EQ(annexb_of({.data = {0, 0, 0, 2, 0x26, 1}, .codec = "hevc", .extradata = record + arrays}),
            (Data{0, 0, 0, 1, 0x40, 1, 0, 0, 0, 1, 0x42, 1, 0, 0, 0, 1, 0x26, 1}));
}

TEST(Annexb, RefusesOtherCodecsAndPacketsThatAreCut) {
  EXPECT_THROW(annexb_of({.data = kImage, .codec = "mjpeg"}), OptionError);
  EXPECT_THROW(annexb_of({.data = {0, 0, 0, 9, 0x65}, .extradata = kAvcc}), Error);
  EXPECT_THROW(annexb_of({.data = {0, 0}, .extradata = kAvcc}), Error);
  EXPECT_THROW(annexb_of({.data = kImage, .extradata = {1, 0x42}}), Error) << "the record is cut";
}

}  // namespace
}  // namespace freshframe::media
