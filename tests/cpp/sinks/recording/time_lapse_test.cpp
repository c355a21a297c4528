// Which frames a time lapse takes, and the warning about a nominal frame rate.
// SPDX-License-Identifier: Apache-2.0
#include "sinks/recording/time_lapse.hpp"

#include <initializer_list>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

std::vector<double> taken_of(std::initializer_list<double> times) {
  media::TimeLapse lapse(2, 10);
  std::vector<double> taken;
  for (const double pts : times) {
    Stamp stamp;
    stamp.pts = pts;
    if (lapse.take(stamp)) taken.push_back(pts);
  }
  return taken;
}

TEST(MediaTimeLapse, SkipsFramesAfterAShortStepBack) {
  EXPECT_EQ(taken_of({10, 11, 10.99, 12, 11.5, 13.9, 14}), (std::vector<double>{10, 12, 14}));
  // several short steps back do not count as a restart: the intervals continue
  EXPECT_EQ(taken_of({10, 9.5, 9.2, 9.1, 11.9, 12}), (std::vector<double>{10, 12}));
}

TEST(MediaTimeLapse, StartsAnewAtALongStepBack) {
  EXPECT_EQ(taken_of({10, 11, 3, 4, 5}), (std::vector<double>{10, 3, 5}));
}

TEST(MediaNominalRate, AdvisesNumbersThatCanBeCopied) {
  media::NominalRate rate(29.97);
  for (int frame = 0; frame < 5; ++frame) rate.note(3600.0 * frame);
  const auto fault = rate.find_fault(4);
  ASSERT_TRUE(fault);
  EXPECT_NE(fault->find("every=3600, fps=29.97)"), std::string::npos) << *fault;
}

}  // namespace
}  // namespace freshframe::test
