// Which frames of a live stream are damaged by losses.
// SPDX-License-Identifier: Apache-2.0
#include "media/units/damage.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::media;  // NOLINT(google-build-using-namespace)

namespace {

TimePoint time_at(double seconds) {
  return TimePoint{} + to_duration(Seconds(seconds));
}

/// Returns '-' for each intact image and 'x' for each damaged one. `pictures` has one letter per image: 'I' an IDR,
/// 'p' refers to the previous one, 'b' too, but is not a reference itself, 'i' refers to no other, 'r' is a recovery
/// point that takes effect immediately, and 'R' one after three images. '!' means that the next image is torn, '_' that
/// images before it may be lost.
std::string judged(Damage& damage, std::string_view pictures, double interval = 0.04) {
  std::string text;
  PictureNotes next;
  double now = 0;
  for (const char c : pictures) {
    if (c == '!') next.torn = true;
    if (c == '_') next.after_loss = true;
    if (c == '!' || c == '_') continue;
    next.reference = c != 'b';
    if (c == 'I') next.refresh = Refresh::All;
    if (c == 'r' || c == 'R') next.refresh = Refresh::Point;
    if (c == 'R') next.recovery = 3;
    if (c == 'i') next.refresh = Refresh::Alone;
    next.time = now;
    text += damage.add(next, time_at(now)) ? 'x' : '-';
    next = {};
    now += interval;
  }
  return text;
}

std::string judged(std::string_view pictures) {
  Damage damage;
  return judged(damage, pictures);
}

TEST(Damage, LastsFromALossToTheNextIdr) {
  EXPECT_EQ(judged("Ippp"), "----");
  EXPECT_EQ(judged("Ip!ppIpp"), "--xx---");
  EXPECT_EQ(judged("Ip_ppIpp"), "--xx---");
  EXPECT_EQ(judged("Ip_Ipp"), "-----") << "a loss before an IDR does not harm it";
  EXPECT_EQ(judged("Ip!IppIp"), "--xxx--") << "a torn IDR ends nothing";
}

TEST(Damage, OfAPictureToWhichNoOtherRefersIsItsOwn) {
  EXPECT_EQ(judged("Ip!bpb"), "--x--");
  EXPECT_EQ(judged("Ip_bpb"), "--xxx") << "the lost picture may have been a reference of others";
}

TEST(Damage, LastsUntilARecoveryPointIsReached) {
  EXPECT_EQ(judged("Ip!pprpp"), "--xx---");
  EXPECT_EQ(judged("I!ppRppppp"), "-xxxxx---");
  EXPECT_EQ(judged("I!pRp!pRppppp"), "-xxxxxxx---") << "a loss on the way begins it again";
  EXPECT_EQ(judged("I!pRpRppp"), "-xxxx---") << "the first of two is reached first";
  EXPECT_EQ(judged("I!pRbbppp"), "-xxxxxx-") << "only pictures that others refer to count";
}

TEST(Damage, OfPicturesShownBeforeARecoveryPointRemains) {
  Damage damage;
  const auto add = [&](double time, Refresh refresh, bool torn = false) {
    return damage.add({.torn = torn, .refresh = refresh, .time = time}, time_at(1));
  };
  EXPECT_FALSE(add(0, Refresh::All));
  EXPECT_TRUE(add(3, Refresh::None, true));
  EXPECT_FALSE(add(6, Refresh::Point));
  EXPECT_TRUE(add(4, Refresh::None)) << "it refers to the picture at 3";
  EXPECT_TRUE(add(5, Refresh::None));
  EXPECT_FALSE(add(9, Refresh::None));
  EXPECT_FALSE(add(7, Refresh::None));
}

TEST(Damage, IsOverAfterTwoPicturesThatReferToNone) {
  EXPECT_EQ(judged("I!ppippip"), "-xx-xx--");
  EXPECT_EQ(judged("I!pip!pipip"), "-x-xx-x--") << "since the last loss";
}

TEST(Damage, IsThereUntilAStreamHasAPictureToBeginWith) {
  EXPECT_EQ(judged("ppIp"), "xx--");
  EXPECT_EQ(judged("pprp"), "xx--");
}

TEST(Damage, OfAStreamWithoutAnySuchPictureEndsAfterAMinute) {
  Damage damage;
  EXPECT_EQ(judged(damage, "ppppppp", 20), "xxx----");
  Damage with_keys;
  EXPECT_EQ(judged(with_keys, "I!pppppp", 20), "-xxxxxx");
}

TEST(Damage, BeginsWithAnErrorOfTheDecoder) {
  Damage damage;
  EXPECT_EQ(judged(damage, "Ip"), "--");
  damage.lose();
  EXPECT_TRUE(damage.is_damaged());
  EXPECT_EQ(judged(damage, "ppIp"), "xx--");
}

}  // namespace
}  // namespace freshframe::test
