// What the NAL units of a whole frame reveal about it.
// SPDX-License-Identifier: Apache-2.0
#include "media/units/unit_facts.hpp"

#include <cstdint>
#include <vector>

#include "media/units/damage.hpp"
#include <gtest/gtest.h>

namespace freshframe::media::test {
namespace {

using Data = std::vector<std::uint8_t>;

UnitFacts h264(const Data& units) {
  return look_at_units(UnitSyntax::H264, units);
}

UnitFacts h265(const Data& units) {
  return look_at_units(UnitSyntax::H265, units);
}

TEST(UnitFacts, CountsThePicturesOfH264) {
  const Data delimiter{0, 0, 0, 1, 9, 0xF0};
  EXPECT_EQ(h264(delimiter).pictures, 0);
  EXPECT_EQ(h264({0, 0, 0, 1, 9, 0xF0, 0, 0, 1, 0x65, 0x88}).pictures, 1);
  EXPECT_EQ(h264({0, 0, 1, 0x65, 0x88, 0, 0, 1, 0x65, 0x44}).pictures, 1) << "a second slice";
  EXPECT_EQ(h264({0, 0, 1, 0x41, 0x9A, 0, 0, 1, 9, 0xF0, 0, 0, 1, 0x41, 0x9A}).pictures, 2);
}

TEST(UnitFacts, CountsThePicturesOfH265) {
  EXPECT_EQ(h265({0, 0, 1, 0x46, 1, 0x50, 0, 0, 1, 0x26, 1, 0xAF, 0, 0, 1, 0x26, 1, 0x2F}).pictures, 1);
  EXPECT_EQ(h265({0, 0, 1, 0x02, 1, 0xD0, 0, 0, 1, 0x02, 1, 0xD0}).pictures, 2);
}

TEST(UnitFacts, KnowsWhereDecodingCanBegin) {
  EXPECT_TRUE(h264({0, 0, 1, 0x67, 0x42, 0, 0, 1, 0x68, 0xCE, 0, 0, 1, 0x65, 0x88}).can_begin());
  EXPECT_TRUE(h264({0, 0, 1, 6, 6, 1, 0xC4, 0x80, 0, 0, 1, 0x41, 0x9A}).can_begin()) << "a recovery point";
  EXPECT_TRUE(h264({0, 0, 1, 0x41, 0x88}).can_begin()) << "all slices are I";
  EXPECT_FALSE(h264({0, 0, 1, 0x41, 0x88, 0, 0, 1, 0x41, 0x5A}).can_begin()) << "one is P";
  EXPECT_FALSE(h264({0, 0, 1, 0x67, 0x42}).can_begin()) << "no picture";
  EXPECT_TRUE(h265({0, 0, 1, 0x26, 1, 0xAF}).can_begin());
  EXPECT_FALSE(h265({0, 0, 1, 0x02, 1, 0xD0}).can_begin());
}

TEST(UnitFacts, KnowsWhatAPictureRenews) {
  EXPECT_EQ(find_refresh(h264({0, 0, 1, 0x67, 0x42, 0, 0, 1, 0x65, 0x88})), Refresh::All);
  const auto point = h264({0, 0, 1, 6, 6, 2, 5, 0x40, 0x80, 0, 0, 1, 0x41, 0x9A});
  EXPECT_EQ(find_refresh(point), Refresh::Point);
  EXPECT_EQ(point.recovery, 41);
  EXPECT_EQ(find_refresh(h264({0, 0, 1, 0x41, 0x88})), Refresh::Alone) << "all slices are I";
  EXPECT_EQ(find_refresh(h264({0, 0, 1, 0x41, 0x9A})), Refresh::None);
  EXPECT_EQ(find_refresh(h265({0, 0, 1, 0x26, 1, 0xAF})), Refresh::All) << "IDR_W_RADL";
  EXPECT_EQ(find_refresh(h265({0, 0, 1, 0x2A, 1, 0xAF})), Refresh::Point) << "CRA";
  EXPECT_EQ(find_refresh(h265({0, 0, 1, 0x02, 1, 0xD0})), Refresh::None);
}

TEST(UnitFacts, KnowsWhetherOthersReferToAPicture) {
  EXPECT_TRUE(h264({0, 0, 1, 0x41, 0x9A}).reference);
  EXPECT_TRUE(h264({0, 0, 1, 0x01, 0x9A}).disposable);
  EXPECT_TRUE(h265({0, 0, 1, 0x00, 2, 0xD0}).disposable);
}

TEST(UnitFacts, AcceptAnyBytes) {
  EXPECT_EQ(h264({}).units, 0);
  EXPECT_EQ(h264({0, 0, 1}).units, 0);
  EXPECT_EQ(h265({0, 0, 1, 0x26}).units, 0) << "half a header";
  EXPECT_TRUE(after_start_code(Data{0, 0}).empty());
  EXPECT_EQ(after_start_code(Data{5, 0, 0, 1, 7}).size(), 1U);
}

}  // namespace
}  // namespace freshframe::media::test
