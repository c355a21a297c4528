// Which packets of a video contain images.
// SPDX-License-Identifier: Apache-2.0
#include "sources/file/packet_images.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::media;  // NOLINT(google-build-using-namespace)

namespace {

using Content = std::vector<std::uint8_t>;

/// `header`: the codec's extradata, which contains the size of the units' length fields. If empty, units have start
/// codes.
bool has_image(AVCodecID codec, Content content, const Content& header = {}) {
  const CodecParametersPtr parameters(avcodec_parameters_alloc());
  parameters->codec_id = codec;
  auto* const bytes = static_cast<std::uint8_t*>(av_mallocz(header.size() + AV_INPUT_BUFFER_PADDING_SIZE));
  std::ranges::copy(header, bytes);
  parameters->extradata = bytes;
  parameters->extradata_size = static_cast<int>(header.size());
  const auto packet = make_av_packet();
  packet->data = content.data();
  packet->size = static_cast<int>(content.size());
  return holds_image(*packet, *parameters);
}

const Content kAvcc{1, 66, 0, 30, 0xFF, 0xE0, 0};

Content hvcc() {
  Content header(23, 0);
  header[0] = 1;
  header[21] = 3;
  return header;
}

/// Returns the units, each with its length in front.
Content with_lengths(const std::vector<Content>& units) {
  Content all;
  for (const auto& unit : units) {
    all.insert(all.end(), {0, 0, 0, static_cast<std::uint8_t>(unit.size())});
    all.insert(all.end(), unit.begin(), unit.end());
  }
  return all;
}

Content with_start_codes(const std::vector<Content>& units) {
  Content all;
  for (const auto& unit : units) {
    all.insert(all.end(), {0, 0, 0, 1});
    all.insert(all.end(), unit.begin(), unit.end());
  }
  return all;
}

const std::vector<Content> kBesideH264{
    {6, 5, 2, 1, 1, 0x80},  // messages
    {6, 1, 1, 7, 4, 2, 9, 9, 0x80},
    {6, 5, 3, 0, 0, 3, 1, 0x80},  // with a byte that prevents a false start code
    {7, 66, 0, 30},
    {8, 0xCE},
    {9, 0xF0},
    {10},
    {11},
    {12, 0xFF, 0xFF, 0x80},
    {13, 0x80}};

TEST(PacketImages, AreSlicesOfH264) {
  for (const auto& other : kBesideH264) {
    EXPECT_FALSE(has_image(AV_CODEC_ID_H264, with_lengths({other}), kAvcc)) << int{other[0]};
    EXPECT_FALSE(has_image(AV_CODEC_ID_H264, with_start_codes({other}))) << int{other[0]};
    EXPECT_TRUE(has_image(AV_CODEC_ID_H264, with_lengths({other, {0x65, 1}}), kAvcc)) << int{other[0]};
    EXPECT_TRUE(has_image(AV_CODEC_ID_H264, with_start_codes({other, {0x41, 1}}))) << int{other[0]};
  }
  EXPECT_FALSE(has_image(AV_CODEC_ID_H264, with_lengths(kBesideH264), kAvcc));
  EXPECT_FALSE(has_image(AV_CODEC_ID_H264, with_start_codes(kBesideH264)));
}

TEST(PacketImages, AreSlicesOfH265) {
  const std::vector<Content> beside{
      {64, 1, 12, 1}, {66, 1, 1, 1},       {68, 1, 0xC1},          {70, 1, 0x50},           {72, 1},
      {74, 1},        {76, 1, 0xFF, 0x80}, {78, 1, 5, 1, 9, 0x80}, {80, 1, 132, 1, 9, 0x80}};
  for (const auto& other : beside) {
    EXPECT_FALSE(has_image(AV_CODEC_ID_HEVC, with_lengths({other}), hvcc())) << int{other[0]};
    EXPECT_FALSE(has_image(AV_CODEC_ID_HEVC, with_start_codes({other}))) << int{other[0]};
    EXPECT_TRUE(has_image(AV_CODEC_ID_HEVC, with_lengths({other, {38, 1, 1}}), hvcc())) << int{other[0]};
  }
}

TEST(PacketImages, AreWhatIsDamaged) {
  EXPECT_TRUE(has_image(AV_CODEC_ID_H264, {0, 0, 9, 2, 6, 1}, kAvcc)) << "a length beyond the packet";
  EXPECT_TRUE(has_image(AV_CODEC_ID_H264, Content(99, 0), kAvcc)) << "zeros";
  EXPECT_TRUE(has_image(AV_CODEC_ID_H264, Content(99, 0))) << "zeros without a start code";
  EXPECT_TRUE(has_image(AV_CODEC_ID_H264, Content(99, 7))) << "no start code";
  Content slice(200, 0x5A);
  for (const std::uint8_t type : Content{6, 9, 10, 11, 12, 20, 31}) {  // a damaged header
    slice[0] = type;
    EXPECT_TRUE(has_image(AV_CODEC_ID_H264, with_lengths({slice}), kAvcc)) << int{type};
  }
}

TEST(PacketImages, AreNotEmptyOrHidden) {
  EXPECT_FALSE(has_image(AV_CODEC_ID_MJPEG, {}));
  EXPECT_TRUE(has_image(AV_CODEC_ID_MJPEG, {0xFF}));
  EXPECT_TRUE(has_image(AV_CODEC_ID_VP8, {0x10}));
  EXPECT_FALSE(has_image(AV_CODEC_ID_VP8, {0x01}));
}

TEST(PacketImages, OfMpeg4MayBePacked) {
  AVCodecParameters parameters{};
  parameters.codec_id = AV_CODEC_ID_MPEG4;
  const auto is_packed_content = [&](Content content) {
    const auto packet = make_av_packet();
    packet->data = content.data();
    packet->size = static_cast<int>(content.size());
    return is_packed(*packet, parameters);
  };
  Content one{0, 0, 1, 0xB6};
  one.resize(100, 5);
  EXPECT_FALSE(is_packed_content(one));
  auto two = one;
  two.insert(two.end(), one.begin(), one.end());
  EXPECT_TRUE(is_packed_content(two));
  EXPECT_TRUE(is_packed_content({0, 0, 1, 0xB6, 0x50, 0x7F})) << "a place holder";
}

}  // namespace
}  // namespace freshframe::test
