// The rules of the join with partial sets.
// SPDX-License-Identifier: Apache-2.0
#include <cstddef>

#include "cpp/core/join/trial.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

TEST(PartialJoiner, APartialSetHasItsReferenceAlways) {
  Trial trial({.wait = 0.05, .partial = true});
  trial.put(1, 1, 10).put(0, 2, 10.01).finish();
  expect_sets(trial, {{2, kMissing}});
  EXPECT_EQ(trial.counts[1].unmatched, 1);
}

TEST(PartialJoiner, APartialSetIsDecidedAtItsFirstMembersTime) {
  Trial trial({.parents = 3, .wait = 0.05, .partial = true});
  trial.put(1, 1, 10).put(0, 1, 10.04).advance(10.051);
  expect_sets(trial, {{1, 1, kMissing}});
  EXPECT_NEAR(trial.sets.at(0).at, 10.05, 1e-9);
}

TEST(PartialJoiner, AfterTheEndOfAParentNoSampleWaits) {
  for (const bool partial : {false, true}) {
    Trial trial({.wait = 5, .partial = partial});
    trial.end(1, 9).put(0, 1, 10);
    EXPECT_EQ(trial.waiting(), 0U);
    EXPECT_EQ(trial.sets.size(), partial ? 1U : 0U);
  }
}

TEST(PartialJoiner, ASilentParentIsWaitedForOnlyAtFirst) {
  Trial trial({.partial = true});
  for (int k = 0; k < 60; ++k) {
    const double time = k / 30.0;
    trial.put(0, time, time + 0.01);
    if (k < 20) trial.put(1, time, time + 0.012);
  }
  trial.finish();
  ASSERT_EQ(trial.sets.size(), 60U);
  for (std::size_t k = 0; k < 60; ++k) EXPECT_LE(trial.sets[k].waited, k < 30 ? 0.1 + 1e-9 : 0.0);
}

TEST(PartialJoiner, ASilentParentIsBackWithItsNextSample) {
  Trial trial({.partial = true});
  for (int k = 0; k < 90; ++k) {
    const double time = k / 30.0;
    trial.put(0, time, time + 0.01);
    if (k < 20 || k >= 60) trial.put(1, time, time + 0.012);
  }
  trial.finish();
  EXPECT_EQ(trial.counts[0].joined, 90);
  EXPECT_GE(trial.counts[1].joined, 49);
}

TEST(PartialJoiner, AParentThatWasAwayForLongIsWaitedForNoLongerThanBefore) {
  Trial trial({.partial = true});
  const auto sends = [](int k) { return k < 30 || (k >= 330 && k < 335); };
  for (int k = 0; k < 450; ++k) {
    const double time = k / 30.0;
    trial.put(0, time, time + 0.01);
    if (sends(k)) trial.put(1, time, time + 0.012);
  }
  trial.finish();
  EXPECT_EQ(trial.counts[0].joined, 450);
  for (std::size_t k = 345; k < 450; ++k) EXPECT_EQ(trial.sets.at(k).waited, 0.0) << k;
}

// Three cameras at 30 fps, where the last one loses every tenth frame. `phase` is the offset from the
// reference.
Trial three_cameras_with_losses(double phase) {
  Trial trial({.parents = 3, .wait = 0.2, .partial = true});
  for (int k = 0; k < 60; ++k) {
    const double time = k / 30.0;
    if (phase < 0) trial.put(1, time + phase, time + phase);
    trial.put(0, time, time);
    if (k % 10 != 5) trial.put(2, time + 0.001, time + 0.001);
    if (phase > 0) trial.put(1, time + phase, time + phase);
  }
  trial.finish();
  return trial;
}

TEST(PartialJoiner, APartnerThatIsThereIsInTheSetWhateverItsOrder) {
  for (const double phase : {0.002, -0.002}) {
    const auto trial = three_cameras_with_losses(phase);
    EXPECT_EQ(trial.sets.size(), 60U);
    EXPECT_EQ(trial.counts[1].joined, 60) << phase;
    EXPECT_EQ(trial.counts[2].joined, 54);
  }
}

TEST(PartialJoiner, APartnerThatComesAfterTheNextOneOfAnotherIsWaitedFor) {
  Trial trial({.parents = 3, .wait = 0.1, .partial = true});
  trial.put(0, 1, 10).put(2, 1.033, 10.01).put(1, 1, 10.02);
  expect_sets(trial, {{1, 1, kMissing}});
  EXPECT_NEAR(trial.sets.at(0).at, 10.02, 1e-9);
}

TEST(PartialJoiner, OfSeveralSamplesThoseOfAWholeSetAreTaken) {
  Trial trial({.parents = 3, .wait = 0.1, .partial = true});
  trial.put(1, 0.997, 10).put(1, 1.005, 10.01).put(2, 1.008, 10.02).put(0, 1, 10.03);
  expect_sets(trial, {{1, 1.005, 1.008}});
  EXPECT_EQ(trial.counts[1].unmatched, 1);
  Trial later({.parents = 3, .wait = 0.1, .partial = true});
  later.put(1, 0.997, 10).put(2, 1.008, 10.02).put(0, 1, 10.03);
  expect_sets(later, {});
  later.put(1, 1.005, 10.04);
  expect_sets(later, {{1, 1.005, 1.008}});
  later.finish();
}

TEST(PartialJoiner, APartnerOfAReferenceThatWaitsBehindAnotherIsNotDroppedAtTheEndOfItsWait) {
  Trial trial({.parents = 3, .wait = 0.1, .partial = true});
  trial.put(1, 1.033, 10).put(0, 1, 10.05).put(0, 1.033, 10.06).advance(10.1);
  expect_sets(trial, {{1, kMissing, kMissing}, {1.033, 1.033, kMissing}});
}

TEST(PartialJoiner, SamplesWaitForTheirReferenceUntilItHasEnded) {
  Trial trial({.parents = 3, .wait = std::nullopt, .partial = true, .depth = 4});
  trial.put(1, 1, 1).put(2, 2, 1).put(2, 3, 1);
  EXPECT_EQ(trial.waiting(), 3U);
  trial.end(0, 2);
  EXPECT_EQ(trial.waiting(), 0U);
}

}  // namespace
}  // namespace freshframe::test
