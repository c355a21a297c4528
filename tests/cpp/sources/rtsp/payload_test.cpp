// The contents of RTP payloads: slices, parameter sets, and frames at which decoding can start.
// SPDX-License-Identifier: Apache-2.0
#include "sources/rtsp/packets/payload.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe::media::rtsp::test {
namespace {

using Data = std::vector<std::uint8_t>;

TEST(Payload, RecognisesTheUnitsOfH264) {
  const auto look = [](const Data& payload) { return look_at(Codec::H264, payload); };
  EXPECT_TRUE(look({0x65, 0x88}).key);
  EXPECT_TRUE(look({0x65, 0x88}).coded);
  EXPECT_FALSE(look({0x67, 0x42}).coded);
  EXPECT_TRUE(look({0x0C, 0xFF}).tail);
  EXPECT_TRUE(look({0x41, 0x9A}).inter) << "first_mb 0, slice_type 5: P";
  EXPECT_TRUE(look({0x41, 0x88}).intra) << "slice_type 7: I";
  EXPECT_FALSE(look({0x41, 0x88}).key) << "a picture is one if all of its slices are intra";
  EXPECT_TRUE(look({0x06, 0x01, 0x01, 0x00, 0x06, 0x01, 0xC4, 0x80}).key) << "a recovery point";
  EXPECT_FALSE(look({0x06, 0x05, 0x01, 0x06, 0x80}).key);
  EXPECT_TRUE(look({0x78, 0, 2, 0x67, 0x42, 0, 2, 0x65, 0x88}).key) << "STAP-A";
  EXPECT_EQ(look({0x78, 0, 2, 0x67, 0x42, 0, 2, 0x65, 0x88}).units, 2);
  EXPECT_TRUE(look({0x7C, 0x85, 0x88}).key) << "FU-A, its start";
  EXPECT_TRUE(look({0x7C, 0x45, 0x88}).coded) << "FU-A, its end";
  EXPECT_FALSE(look({0x7C, 0x45, 0x88}).key);
  EXPECT_TRUE(look({0x67, 0x42, 0, 0, 1, 0x68, 0xCE, 0, 0, 1, 0x65, 0x88}).key) << "start codes inside";
  EXPECT_TRUE(look({0x7C, 0x87, 0x42, 0, 0, 1, 0x65, 0x88}).key) << "start codes in a fragment";
}

TEST(Payload, RecognisesTheUnitsOfH265) {
  const auto look = [](const Data& payload) { return look_at(Codec::H265, payload); };
  EXPECT_TRUE(look({0x26, 0x01, 0xAF}).key) << "IDR_W_RADL";
  EXPECT_TRUE(look({0x02, 0x01, 0xD0}).coded);
  EXPECT_FALSE(look({0x02, 0x01, 0xD0}).key);
  EXPECT_FALSE(look({0x40, 0x01, 0x0C}).coded) << "VPS";
  EXPECT_TRUE(look({0x50, 0x01, 0x84}).tail) << "suffix SEI";
  EXPECT_TRUE(look({0x60, 0x01, 0, 3, 0x40, 1, 2, 0, 3, 0x26, 1, 0xAF}).key) << "AP";
  EXPECT_TRUE(look({0x62, 0x01, 0x93, 0xAF}).key) << "FU, its start";
  EXPECT_FALSE(look({0x62, 0x01, 0x53, 0xAF}).key) << "FU, its end";
  EXPECT_FALSE(look({0x62, 0x01, 0x27, 0xAF}).coded) << "a middle part of a message";
  EXPECT_TRUE(look({0x46, 0x01, 0x50}).delimiter);
}

TEST(Payload, RecognisesKeyframesOfOtherCodecs) {
  EXPECT_TRUE(look_at(Codec::Jpeg, Data{0}).key);
  EXPECT_TRUE(look_at(Codec::Vp8, Data{0x10, 0x10}).key);
  EXPECT_FALSE(look_at(Codec::Vp8, Data{0x10, 0x11}).key);
  EXPECT_TRUE(look_at(Codec::Vp8, Data{0x90, 0x80, 0x81, 0x02, 0x10}).key)
      << "a number of the picture in two bytes";
  EXPECT_FALSE(look_at(Codec::Vp8, Data{0x00, 0x10}).key) << "not its start";
  EXPECT_TRUE(look_at(Codec::Vp9, Data{0x88, 1}).key);
  EXPECT_FALSE(look_at(Codec::Vp9, Data{0xC8, 1}).key);
  EXPECT_TRUE(look_at(Codec::Mpeg4, Data{0, 0, 1, 0xB6, 0x10}).key);
  EXPECT_FALSE(look_at(Codec::Mpeg4, Data{0, 0, 1, 0xB6, 0x50}).key);
}

TEST(Payload, KnowsWhetherOthersReferToAPictureAndWhereItBegins) {
  const auto h264 = [](const Data& payload) { return look_at(Codec::H264, payload); };
  EXPECT_TRUE(h264({0x41, 0x9A}).reference);
  EXPECT_TRUE(h264({0x41, 0x9A}).first);
  EXPECT_FALSE(h264({0x41, 0x5A}).first) << "first_mb 1";
  EXPECT_TRUE(h264({0x01, 0x9A}).disposable) << "nal_ref_idc 0";
  EXPECT_TRUE(h264({0x1C, 0x41, 0x88}).disposable) << "FU-A, its end";
  EXPECT_TRUE(h264({0x5C, 0x41, 0x88}).reference);
  EXPECT_FALSE(h264({0x5C, 0x41, 0x88}).first);
  const auto h265 = [](const Data& payload) { return look_at(Codec::H265, payload); };
  EXPECT_TRUE(h265({0x02, 0x01, 0xD0}).reference) << "TRAIL_R";
  EXPECT_TRUE(h265({0x02, 0x01, 0xD0}).first);
  EXPECT_FALSE(h265({0x02, 0x01, 0x50}).first);
  EXPECT_TRUE(h265({0x00, 0x02, 0xD0}).disposable) << "TRAIL_N";
  EXPECT_EQ(h265({0x00, 0x02, 0xD0}).layer, 1);
  EXPECT_TRUE(h265({0x62, 0x01, 0x40, 0xAF}).disposable) << "FU, its end";
  EXPECT_TRUE(look_at(Codec::Vp8, Data{0x30, 0x11}).disposable);
  EXPECT_TRUE(look_at(Codec::Vp8, Data{0x10, 0x11}).reference);
  EXPECT_FALSE(look_at(Codec::Vp8, Data{0x00, 0x11}).first);
  EXPECT_FALSE(look_at(Codec::Jpeg, Data{0, 0, 5, 0, 1}).first);
  EXPECT_TRUE(look_at(Codec::Jpeg, Data{0, 0, 0, 0, 1}).first);
  EXPECT_TRUE(look_at(Codec::Mpeg4, Data{0, 0, 1, 0xB6, 0x90}).disposable) << "B";
  EXPECT_FALSE(look_at(Codec::Mpeg4, Data{1, 2, 3}).first);
  EXPECT_TRUE(look_at(Codec::Mpeg4, Data{1, 2, 3}).coded);
  EXPECT_FALSE(look_at(Codec::Mpeg4, Data{0, 0, 1, 0xB0, 1}).coded) << "headers alone";
  EXPECT_TRUE(look_at(Codec::Vp9, Data{0xA8, 1, 0, 1}).first);
  EXPECT_FALSE(look_at(Codec::Vp9, Data{0xA8, 1, 2, 1}).first) << "a higher spatial layer";
}

TEST(Payload, KnowsWithWhichPicturesAllIsRenewed) {
  EXPECT_TRUE(look_at(Codec::H264, Data{0x65, 0x88}).fresh);
  const auto at_once = look_at(Codec::H264, Data{0x06, 0x06, 0x01, 0xC4, 0x80});
  EXPECT_FALSE(at_once.fresh);
  EXPECT_EQ(at_once.recovery, 0);
  EXPECT_EQ(look_at(Codec::H264, Data{0x06, 0x06, 0x02, 0x05, 0x40, 0x80}).recovery, 41);
  EXPECT_TRUE(look_at(Codec::H265, Data{0x26, 0x01, 0xAF}).fresh) << "IDR_W_RADL";
  EXPECT_EQ(look_at(Codec::H265, Data{0x2A, 0x01, 0xAF}).recovery, 0) << "CRA";
  EXPECT_FALSE(look_at(Codec::H265, Data{0x2A, 0x01, 0xAF}).fresh);
  EXPECT_TRUE(look_at(Codec::Vp8, Data{0x10, 0x10}).fresh);
  EXPECT_TRUE(look_at(Codec::Jpeg, Data{0, 0, 0, 0, 1}).fresh);
  EXPECT_EQ(look_at(Codec::Mpeg4, Data{0, 0, 1, 0xB6, 0x10}).recovery, 0);
}

TEST(Payload, AcceptsAnyBytes) {
  for (const auto codec : {Codec::H264, Codec::H265, Codec::Jpeg, Codec::Vp8, Codec::Vp9, Codec::Mpeg4}) {
    EXPECT_FALSE(look_at(codec, Data{}).coded);
    for (int first = 0; first < 256; ++first) {
      for (std::size_t size = 1; size < 5; ++size) {
        static_cast<void>(look_at(codec, Data(size, static_cast<std::uint8_t>(first))));
      }
    }
  }
  EXPECT_FALSE(look_at(Codec::H264, Data{0x7C, 0x85}).coded) << "a fragment without a body";
  EXPECT_EQ(find_codec("H264"), Codec::H264);
  EXPECT_FALSE(find_codec("AV1"));
}

}  // namespace
}  // namespace freshframe::media::rtsp::test
