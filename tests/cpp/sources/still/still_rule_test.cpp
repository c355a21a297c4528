// Sources that are frozen, loop or have no contrast, and healthy ones that look similar.
// SPDX-License-Identifier: Apache-2.0
#include "sources/still/still_rule.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "sources/still/picture_digest.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using media::compute_digest;
using media::StillRule;
using Kind = StillRule::Kind;

struct Size {
  int width = 640;
  int height = 360;
};

struct Luma {
  explicit Luma(Size size)
      : width(size.width),
        height(size.height),
        pixels(static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height)) {}

  int width;
  int height;
  std::vector<std::uint8_t> pixels;

  [[nodiscard]] Plane plane() const {
    return {.data = pixels.data(), .rows = height, .row_bytes = width, .stride = width};
  }
  std::uint8_t& at(int x, int y) { return pixels[static_cast<std::size_t>(y * width + x)]; }
};

// Makes images of a scene: level = 16 + `gain` * scene + `noise`.
class Sensor {
 public:
  Luma picture(double gain, double noise, Size size = {}) {
    std::normal_distribution<double> levels;
    Luma luma(size);
    for (int y = 0; y < luma.height; ++y) {
      for (int x = 0; x < luma.width; ++x) {
        const double scene = 90 + 60 * std::sin(x / 23.0) + 40 * std::cos(y / 17.0);
        const double level = 16 + gain * scene + (noise > 0 ? noise * levels(random_) : 0);
        luma.at(x, y) = static_cast<std::uint8_t>(std::clamp(std::lround(level), 0L, 255L));
      }
    }
    return luma;
  }

 private:
  std::mt19937 random_{7};
};

void mask(Luma& luma, double share) {
  const auto rows = static_cast<std::ptrdiff_t>(luma.height * share) * luma.width;
  std::fill(luma.pixels.begin(), luma.pixels.begin() + rows, std::uint8_t{128});
}

Luma grey() {
  Luma luma(Size{});
  mask(luma, 1);
  return luma;
}

Luma visited(int x) {
  auto luma = grey();
  for (int y = 100; y < 160; ++y) std::fill_n(&luma.at(x, y), 60, std::uint8_t{235});
  return luma;
}

class StillRuleTest : public ::testing::Test {
 protected:
  Kind see(const Luma& luma, double seconds = 2) {
    rule_.add(compute_digest(luma.plane()), now_);
    now_ += std::chrono::duration_cast<TimePoint::duration>(Seconds(seconds));
    return rule_.verdict().kind;
  }
  std::vector<Luma> film_of(int pictures) {
    std::vector<Luma> film;
    for (int i = 0; i < pictures; ++i) film.push_back(sensor_.picture(1, 1));
    return film;
  }
  /// Returns since when the verdict holds, in seconds after the first image.
  [[nodiscard]] double since() const { return Seconds(rule_.verdict().since - TimePoint()).count(); }

  /// Returns a new image with `count` of the 16 fields of `base`. Each image has other ones.
  Luma with_fields_of(const Luma& base, int count) {
    auto picture = sensor_.picture(1, 1);
    for (; count > 0; --count, ++field_) {
      constexpr std::array<int, 5> kRows = {0, 80, 176, 272, 360};  // rows of blocks of 16
      const int left = field_ % 4 * 160;
      const auto row = static_cast<std::size_t>(field_ / 4 % 4);
      for (int y = kRows.at(row); y < kRows.at(row + 1); ++y) {
        const auto from = base.pixels.begin() + static_cast<std::ptrdiff_t>(y) * base.width + left;
        std::copy(from, from + 160, &picture.at(left, y));
      }
    }
    return picture;
  }

  /// Returns a page that shows a number in its first field.
  static Luma page_with(const Luma& page, int number) {
    auto shown = page;
    for (int y = 8; y < 24; ++y) {
      for (int x = 8; x < 24; ++x)
        shown.at(x, y) = static_cast<std::uint8_t>(x < 16 ? number % 200 : number / 200);
    }
    return shown;
  }

  StillRule rule_;
  int field_ = 0;
  TimePoint now_{};
  Sensor sensor_;
};

TEST(PictureDigest, EachPixelCountsInTheWholeAndInOneField) {
  Luma luma = Sensor().picture(1, 2);
  const auto before = compute_digest(luma.plane());
  ASSERT_EQ(before.fields.size(), 16U);
  for (const auto& [x, y] : {std::pair(0, 0), std::pair(639, 359), std::pair(320, 170), std::pair(7, 352)}) {
    luma.at(x, y) ^= 0x80U;
    const auto after = compute_digest(luma.plane());
    EXPECT_NE(after.bits, before.bits);
    std::size_t changed = 0;
    for (std::size_t i = 0; i < 16; ++i) changed += after.fields[i].bits != before.fields[i].bits ? 1 : 0;
    EXPECT_EQ(changed, 1U) << x << " " << y;
    luma.at(x, y) ^= 0x80U;
  }
  EXPECT_EQ(compute_digest(luma.plane()).bits, before.bits);
}

TEST(PictureDigest, ReadsNoByteBehindARowOfAnySize) {
  for (const int width : {1, 15, 16, 17, 161, 641}) {
    for (const int height : {1, 16, 95}) {
      const std::ptrdiff_t stride = width + 5;
      std::vector<std::uint8_t> pixels(static_cast<std::size_t>(stride * (height - 1) + width), 9);
      const Plane plane{.data = pixels.data(), .rows = height, .row_bytes = width, .stride = stride};
      const auto before = compute_digest(plane);
      for (std::ptrdiff_t y = 0; y + 1 < height; ++y) {
        pixels[static_cast<std::size_t>(y * stride + width)] = 200;  // padding between rows
      }
      EXPECT_EQ(compute_digest(plane).bits, before.bits) << width << "x" << height;
      pixels.back() = 10;
      EXPECT_NE(compute_digest(plane).bits, before.bits) << width << "x" << height;
    }
  }
}

TEST_F(StillRuleTest, APictureThatStaysIsStillSinceItsFirst) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(see(sensor_.picture(1, 1)), Kind::None);
  const auto hung = sensor_.picture(1, 1);
  EXPECT_EQ(see(hung), Kind::None);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(see(hung), Kind::Still);
  EXPECT_EQ(since(), 20);
  EXPECT_EQ(rule_.verdict().pictures, 6U);
  EXPECT_EQ(rule_.verdict().contents, 1U);
}

TEST_F(StillRuleTest, ItEndsWithTheThirdPictureInARowThatIsNew) {
  const auto hung = sensor_.picture(1, 1);
  for (int i = 0; i < 6; ++i) (void)see(hung);
  EXPECT_EQ(see(sensor_.picture(1, 1)), Kind::Still);
  EXPECT_EQ(see(sensor_.picture(1, 1)), Kind::Still);
  EXPECT_EQ(see(hung), Kind::Still);
  EXPECT_EQ(since(), 0);
  EXPECT_EQ(rule_.verdict().contents, 3U);
  EXPECT_EQ(see(sensor_.picture(1, 1)), Kind::Still);
  EXPECT_EQ(see(sensor_.picture(1, 1)), Kind::Still);
  EXPECT_EQ(see(sensor_.picture(1, 1)), Kind::None);
}

TEST_F(StillRuleTest, EqualPicturesWithinTwoSecondsProveNothing) {
  for (int i = 0; i < 40; ++i) {
    const auto picture = sensor_.picture(1, 1);
    EXPECT_EQ(see(picture, 0.5), Kind::None);
    EXPECT_EQ(see(picture, 0.5), Kind::None);
  }
}

TEST_F(StillRuleTest, SoundScenesOfAnyLightAreNotStill) {
  for (const auto& [gain, noise] : {std::pair(1.0, 1.0), std::pair(1.0, 0.3), std::pair(0.2, 1.0)}) {
    for (int i = 0; i < 60; ++i)
      ASSERT_EQ(see(sensor_.picture(gain, noise)), Kind::None) << gain << " " << noise;
  }
}

TEST_F(StillRuleTest, AMaskOverMostOfANoisyPictureIsNotStillAndOverAHungOneIs) {
  for (int i = 0; i < 60; ++i) {
    auto masked = sensor_.picture(1, 1);
    mask(masked, 0.9);
    ASSERT_EQ(see(masked), Kind::None);
  }
  auto hung = sensor_.picture(1, 1);
  mask(hung, 0.9);
  EXPECT_EQ(see(hung), Kind::None);
  EXPECT_EQ(see(hung), Kind::Still);
}

TEST_F(StillRuleTest, APageWithAClockIsNotStill) {
  const auto page = sensor_.picture(1, 0);
  for (int i = 0; i < 120; ++i) ASSERT_EQ(see(page_with(page, i / 2), 0.5), Kind::None) << i;
}

// An MJPEG stream of a page. Its encoder once repeats an image from two seconds before.
TEST_F(StillRuleTest, OneLatePairOfEqualPicturesMakesNoPageWithAClockStill) {
  const auto page = sensor_.picture(1, 0);
  int still = 0;
  for (int i = 0; i < 600; ++i) {
    if (see(page_with(page, i == 200 ? 198 : i), 1) != Kind::None) ++still;
  }
  EXPECT_EQ(still, 1) << "while the picture is an old one";
}

TEST_F(StillRuleTest, AnEarlyLatePairIsForgottenWhenTheClockIsKnown) {
  const auto page = sensor_.picture(1, 0);
  int still = 0;
  for (int i = 0; i < 600; ++i) {
    if (see(page_with(page, i == 6 ? 4 : i), 1) != Kind::None) ++still;
  }
  EXPECT_EQ(still, 10) << "up to the sixteenth new picture";
}

// Under rate control, each field other than the clock's repeats in half of the images.
TEST_F(StillRuleTest, ALatePairOnAPageUnderRateControlEndsAfterSixteenImages) {
  const auto page = sensor_.picture(1, 0);
  std::mt19937 random(3);
  const auto coded = [&](int number) {
    auto picture = page_with(page, number);
    for (int field = 1; field < 16; ++field) {
      if (random() % 2 == 0) continue;
      picture.at(80 + 160 * (field % 4), 40 + 90 * (field / 4)) = static_cast<std::uint8_t>(number % 251);
    }
    return picture;
  };
  for (int i = 0; i < 40; ++i) ASSERT_EQ(see(coded(i)), Kind::None) << i;
  const auto late = coded(40);
  (void)see(late);
  EXPECT_EQ(see(late), Kind::Still);
  int still = 0;
  for (int i = 41; i < 100; ++i) still += see(coded(i)) != Kind::None ? 1 : 0;
  EXPECT_EQ(still, 15);
}

TEST_F(StillRuleTest, APageWhoseClockStopsIsStill) {
  const auto page = sensor_.picture(1, 0);
  for (int i = 0; i < 100; ++i) (void)see(page_with(page, i), 1);
  for (int i = 0; i < 2; ++i) (void)see(page_with(page, 99), 1);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(see(page_with(page, 99), 1), Kind::Still) << i;
  EXPECT_EQ(since(), 99);
}

TEST_F(StillRuleTest, AHungPictureWhoseQuantiserWandersStaysStill) {
  for (int i = 0; i < 40; ++i) (void)see(sensor_.picture(1, 1));
  const auto hung = sensor_.picture(1, 1);
  (void)see(hung);
  std::mt19937 random(5);
  for (int i = 0; i < 100; ++i) {
    // Each field has the first image's quantiser in half of the images. All of them have it in a third of the images.
    auto coded = hung;
    for (int field = 0; field < 16 && i % 3 != 0; ++field) {
      if (random() % 2 == 0) continue;
      coded.at(80 + 160 * (field % 4), 40 + 90 * (field / 4)) = static_cast<std::uint8_t>(random() % 251);
    }
    ASSERT_EQ(see(coded), Kind::Still) << i;
  }
  EXPECT_EQ(since(), 80);
}

TEST_F(StillRuleTest, PicturesThatComeAgainInTheirOrderAreALoop) {
  const auto film = film_of(7);
  for (const auto& picture : film) EXPECT_EQ(see(picture), Kind::None);
  EXPECT_EQ(see(film[0]), Kind::Still);
  EXPECT_EQ(see(film[1]), Kind::Still);
  for (int i = 2; i < 30; ++i) EXPECT_EQ(see(film[static_cast<std::size_t>(i % 7)]), Kind::Loop);
  EXPECT_EQ(rule_.verdict().period, 14);
  EXPECT_EQ(since(), 14);
}

TEST_F(StillRuleTest, ALoopOfTwentyMinutesIsKnown) {
  const auto film = film_of(10);
  for (int pass = 0; pass < 2; ++pass) {
    for (int i = 0; i < 600; ++i) {
      auto picture = film[static_cast<std::size_t>(i % 10)];
      picture.at(i, i / 2) ^= 0x40U;
      for (int field = 0; field < 16; ++field) {  // no field equals that of an earlier image in this pass
        picture.at(80 + 160 * (field % 4), 40 + 90 * (field / 4)) = static_cast<std::uint8_t>(i % 251);
      }
      const auto kind = see(picture);
      if (pass == 1 && i > 2) {
        ASSERT_EQ(kind, Kind::Loop) << i;
      }
    }
  }
  EXPECT_EQ(rule_.verdict().period, 1200);
}

TEST_F(StillRuleTest, ALensThatIsCoveredIsFlatWhateverItsNoise) {
  for (const double noise : {0.0, 1.2, 3.5}) {
    for (int i = 0; i < 5; ++i) {
      EXPECT_EQ(see(sensor_.picture(0, noise)), Kind::Flat) << noise;
    }
    for (int i = 0; i < 3; ++i) (void)see(sensor_.picture(1, 1));
    EXPECT_EQ(see(sensor_.picture(1, 1)), Kind::None) << noise;
  }
}

// Some of the keyframes show a white object on grey. There is no noise.
TEST_F(StillRuleTest, AnEmptySceneThatSomethingCrossesNowAndThenIsNeitherFlatNorStill) {
  for (const bool mostly_empty : {false, true}) {
    for (int period = 2; period < 9; ++period) {
      rule_ = {};
      now_ = {};
      for (int i = 0; i < 70; ++i) {
        const bool empty = (i % period != 0) == mostly_empty;
        const auto kind = see(empty ? grey() : visited(8 * i));
        ASSERT_EQ(kind, empty ? Kind::Flat : Kind::None) << period << " " << i;
        if (empty && i >= period) {
          ASSERT_GE(since(), 2 * (i - period)) << period << " " << i;
        }
      }
    }
  }
}

TEST_F(StillRuleTest, AnEmptySceneIsFlatSinceItsLastVisitor) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(see(grey()), Kind::Flat);
  EXPECT_EQ(since(), 0);
  EXPECT_EQ(see(visited(200)), Kind::None);
  for (int i = 0; i < 9; ++i) EXPECT_EQ(see(grey()), Kind::Flat);
  EXPECT_EQ(since(), 8);
  EXPECT_EQ(rule_.verdict().pictures, 9U);
}

TEST_F(StillRuleTest, SmallPicturesHaveContrastUnlessTheLensIsCovered) {
  for (const Size size : {Size{32, 32}, Size{80, 64}, Size{160, 120}, Size{176, 144}, Size{320, 240}}) {
    for (const double noise : {0.0, 1.2, 3.5}) {
      EXPECT_TRUE(compute_digest(sensor_.picture(0, noise, size).plane()).flat) << size.width << " " << noise;
      EXPECT_FALSE(compute_digest(sensor_.picture(1, noise, size).plane()).flat)
          << size.width << " " << noise;
    }
  }
  EXPECT_FALSE(compute_digest(sensor_.picture(0, 0, {640, 31}).plane()).flat) << "one row of blocks";
  EXPECT_FALSE(compute_digest(sensor_.picture(0, 0, {31, 640}).plane()).flat) << "one column of blocks";
}

// A frozen image under rate control: each row of fields has one of 60 quantisers, so whole images rarely repeat.
TEST_F(StillRuleTest, FieldsThatComeAgainAreLikelyAStillPictureFromTheTwentyEighthOn) {
  const auto hung = sensor_.picture(1, 1);
  std::mt19937 random(3);
  for (int i = 0; i < 60; ++i) {
    auto coded = hung;
    for (int y = 0; y < 360; y += 90) {
      const auto quantiser = static_cast<int>(random() % 60);
      for (int x = 0; x < 640; ++x) coded.at(x, y + 40) = static_cast<std::uint8_t>(4 * quantiser);
    }
    const auto kind = see(coded);
    if (i < 27) {
      ASSERT_EQ(kind, Kind::None) << i;
    }
  }
  const auto verdict = rule_.verdict();
  EXPECT_EQ(verdict.kind, Kind::Still);
  EXPECT_EQ(verdict.contents, verdict.pictures);
}

TEST_F(StillRuleTest, FewFieldsAreNeverLikely) {
  const auto hung = sensor_.picture(1, 1);
  std::mt19937 random(3);
  for (int i = 0; i < 60; ++i) {
    auto coded = hung;
    mask(coded, 0.5);  // eight fields are left
    for (int y = 180; y < 360; y += 90) {
      const auto quantiser = static_cast<int>(random() % 60);
      for (int x = 0; x < 640; ++x) coded.at(x, y + 40) = static_cast<std::uint8_t>(4 * quantiser);
    }
    // The whole image never repeats, but each field does.
    coded.at(80 + 160 * (i % 4), 200 + 90 * (i / 4 % 2)) = static_cast<std::uint8_t>(i);
    ASSERT_EQ(see(coded), Kind::None) << i;
  }
}

TEST_F(StillRuleTest, KeyPicturesOfShortIntervalsAreComparedWithTheFirstEqualOne) {
  const auto hung = sensor_.picture(1, 1);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(see(hung, 0.5), Kind::None);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(see(hung, 0.5), Kind::Still);
}

TEST_F(StillRuleTest, AnEighthOfTheFieldsIsNeverLikely) {
  const auto base = sensor_.picture(1, 1);
  for (int i = 0; i < 60; ++i) ASSERT_EQ(see(with_fields_of(base, 2)), Kind::None) << i;
}

TEST_F(StillRuleTest, WhatIsLikelyLastsUntilClearlyFewerFieldsComeAgain) {
  const auto base = sensor_.picture(1, 1);
  for (int i = 0; i < 40; ++i) (void)see(with_fields_of(base, 8));
  for (int i = 0; i < 20; ++i) ASSERT_EQ(see(with_fields_of(base, 3)), Kind::Still) << i;
  for (int i = 0; i < 8; ++i) (void)see(with_fields_of(base, 2));
  EXPECT_EQ(see(with_fields_of(base, 2)), Kind::None);
}

TEST_F(StillRuleTest, ItEndsWithEightNewPicturesWhoseFieldsSeldomComeAgain) {
  const auto hung = sensor_.picture(1, 1);
  for (int i = 0; i < 6; ++i) (void)see(hung);
  for (int i = 0; i < 7; ++i) EXPECT_EQ(see(with_fields_of(hung, 2)), Kind::Still);
  for (int i = 0; i < 8; ++i) (void)see(with_fields_of(hung, 2));
  EXPECT_EQ(see(with_fields_of(hung, 2)), Kind::None);
}

TEST_F(StillRuleTest, ALoopRemainsOneAfterAForeignImage) {
  const auto film = film_of(7);
  for (std::size_t i = 0; i < 14; ++i) (void)see(film[i % 7]);
  EXPECT_EQ(rule_.verdict().kind, Kind::Loop);
  EXPECT_EQ(see(sensor_.picture(1, 1)), Kind::Loop);
  for (std::size_t i = 1; i < 8; ++i) EXPECT_EQ(see(film[i % 7]), Kind::Loop);
  EXPECT_EQ(rule_.verdict().period, 14);
}

TEST_F(StillRuleTest, ALoopOfWhichTwoPicturesAreEqualStaysOne) {
  auto film = film_of(7);
  film[4] = film[3];
  for (std::size_t i = 0; i < 10; ++i) (void)see(film[i % 7]);
  for (std::size_t i = 10; i < 40; ++i) EXPECT_EQ(see(film[i % 7]), Kind::Loop) << i;
}

TEST_F(StillRuleTest, ALoopOfWhichOnePictureASecondCountsStaysOne) {
  // A loop of 31 images, 100 ms each. Those that are examined are 1.0 or 1.1 s apart, so the interval between equal
  // images varies.
  const auto film = film_of(31);
  std::mt19937 random(3);
  std::size_t at = 0;
  const auto next = [&] {
    const std::size_t step = 10 + random() % 2;
    const auto kind = see(film[at % film.size()], 0.1 * static_cast<double>(step));
    at += step;
    return kind;
  };
  int looked = 0;
  while (next() != Kind::Loop) ASSERT_LT(++looked, 400);
  for (int i = 0; i < 400; ++i) ASSERT_EQ(next(), Kind::Loop) << i;
  EXPECT_NEAR(rule_.verdict().period, 3.1, 0.001);
}

TEST_F(StillRuleTest, ALoopThatHangsIsStillOnceItHasStoodForLongerThanTheLoop) {
  const auto film = film_of(3);
  for (std::size_t i = 0; i < 12; ++i) (void)see(film[i % 3]);
  EXPECT_EQ(rule_.verdict().kind, Kind::Loop);
  EXPECT_EQ(rule_.verdict().period, 6);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(see(film[2]), Kind::Loop) << i;
  EXPECT_EQ(see(film[2]), Kind::Still);
  EXPECT_EQ(see(film[2]), Kind::Still);
}

TEST_F(StillRuleTest, ALoopThatHangsWhileItsQuantiserWandersIsStillSoonToo) {
  const auto film = film_of(9);
  for (std::size_t i = 0; i < 27; ++i) (void)see(film[i % 9]);
  EXPECT_EQ(rule_.verdict().period, 18);
  std::mt19937 random(4);
  for (int i = 0; i < 9; ++i) (void)see(film[random() % 2]);
  int loops = 0;
  for (int i = 0; i < 200; ++i) loops += see(film[random() % 2]) == Kind::Loop ? 1 : 0;
  EXPECT_LT(loops, 10);
}

TEST_F(StillRuleTest, AFewPicturesInTurnAreALoopOnceTheyHaveComeOften) {
  const auto film = film_of(2);
  for (std::size_t i = 0; i < 9; ++i) EXPECT_NE(see(film[i % 2]), Kind::Loop) << i;
  EXPECT_EQ(see(film[1]), Kind::Loop);
  EXPECT_EQ(rule_.verdict().period, 4);
}

TEST_F(StillRuleTest, NoPeriodGoesAcrossAnOutage) {
  const auto film = film_of(9);
  for (std::size_t i = 0; i < 20; ++i) (void)see(film[i % 9]);
  EXPECT_EQ(rule_.verdict().period, 18);
  now_ += std::chrono::seconds(37);
  for (std::size_t i = 0; i < 30; ++i) {
    (void)see(film[i % 9]);
    EXPECT_TRUE(rule_.verdict().period == 0 || rule_.verdict().period == 18)
        << i << ": " << rule_.verdict().period;
  }
  EXPECT_EQ(rule_.verdict().period, 18);
}

TEST_F(StillRuleTest, PacketsWithoutFieldsAreKnownAgain) {
  const auto add = [&](std::uint64_t bits) {
    rule_.add({.bits = bits}, now_);
    now_ += std::chrono::seconds(2);
    return rule_.verdict().kind;
  };
  for (std::uint64_t i = 0; i < 40; ++i) EXPECT_EQ(add(i), Kind::None);
  EXPECT_EQ(add(0), Kind::Still);
  EXPECT_EQ(add(1), Kind::Still);
  EXPECT_EQ(add(2), Kind::Loop);
}

}  // namespace
}  // namespace freshframe::test
