// Which request keeps a camera's sessions alive.
// SPDX-License-Identifier: Apache-2.0
#include "sources/rtsp/session/keep_alive.hpp"

#include <gtest/gtest.h>

namespace freshframe::media::rtsp::test {
namespace {

constexpr Seconds kLimit{60};

TEST(KeepAlive, TakesTheOtherRequestAfterTwoSessionsThatEndAtTheirLimit) {
  KeepAlive request;
  request.note_end(Seconds(61), kLimit);
  EXPECT_FALSE(request.is_swapped());
  request.note_end(Seconds(65), kLimit);
  EXPECT_TRUE(request.is_swapped());
  request.note_end(Seconds(61), kLimit);
  request.note_end(Seconds(61), kLimit);
  EXPECT_FALSE(request.is_swapped()) << "that one does not help either";
}

TEST(KeepAlive, KeepsWhatHasKeptASessionAlive) {
  KeepAlive request;
  request.note_end(Seconds(61), kLimit);
  request.note_end(Seconds(3600), kLimit);
  request.note_end(Seconds(61), kLimit);
  EXPECT_FALSE(request.is_swapped());
}

TEST(KeepAlive, IsNotToBlameForAnEarlierEnd) {
  KeepAlive request;
  request.note_end(Seconds(61), kLimit);
  for (int i = 0; i < 10; ++i) request.note_end(Seconds(5), kLimit);
  EXPECT_FALSE(request.is_swapped());
  request.note_end(Seconds(61), kLimit);
  EXPECT_TRUE(request.is_swapped());
}

TEST(KeepAliveTimer, AsksAtHalfOfTheLimitAndSoonerAfterAnError) {
  const auto at = [](double seconds) { return TimePoint{} + to_duration(Seconds(seconds)); };
  KeepAliveTimer timer(at(0));
  EXPECT_EQ(timer.due(Seconds(8)), at(4));
  EXPECT_EQ(timer.due(Seconds(6)), at(3)) << "an answer may change the limit";
  timer.note_sent(at(4));
  EXPECT_EQ(timer.due(Seconds(8)), at(8)) << "no answer is no error";
  timer.note_answer(true);
  EXPECT_EQ(timer.due(Seconds(8)), at(4)) << "immediately";
  timer.note_sent(at(4.5));
  EXPECT_EQ(timer.due(Seconds(8)), at(5.5)) << "its answer has not come";
  timer.note_answer(true);
  EXPECT_EQ(timer.due(Seconds(8)), at(5.5)) << "refused again: no flood";
  timer.note_sent(at(5.5));
  timer.note_answer(false);
  EXPECT_EQ(timer.due(Seconds(8)), at(9.5));
  timer.note_sent(at(9.5));
  timer.note_answer(true);
  EXPECT_EQ(timer.due(Seconds(8)), at(9.5)) << "immediately again";
}

TEST(KeepAliveTimer, HasBounds) {
  const KeepAliveTimer timer(TimePoint{});
  EXPECT_EQ(timer.due(Seconds(1)), TimePoint{} + to_duration(Seconds(0.5)));
  EXPECT_EQ(timer.due(Seconds(86400)), TimePoint{} + to_duration(Seconds(30)));
}

}  // namespace
}  // namespace freshframe::media::rtsp::test
