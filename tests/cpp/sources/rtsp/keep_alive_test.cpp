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

}  // namespace
}  // namespace freshframe::media::rtsp::test
