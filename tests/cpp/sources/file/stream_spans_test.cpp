// The skipped video streams of a file.
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <initializer_list>
#include <utility>

#include "sources/file/file_videos.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::media;  // NOLINT(google-build-using-namespace)

namespace {

StreamSpans spans_of(std::initializer_list<std::pair<int, std::int64_t>> packets) {
  StreamSpans spans;
  for (const auto& [stream, position] : packets) spans.add(stream, position);
  return spans;
}

TEST(StreamSpans, CountStreamsThatLieBeforeOrBehindTheChosenOne) {
  const auto spans = spans_of({{0, 100}, {0, 200}, {1, 300}, {1, 400}, {2, 500}});
  EXPECT_EQ(spans.packets_apart_from(1), 3);
  EXPECT_EQ(spans.packets_apart_from(0), 3);
}

TEST(StreamSpans, CountNoStreamThatRunsBesideTheChosenOne) {
  const auto spans = spans_of({{0, 100}, {1, 110}, {0, 200}, {1, 210}});
  EXPECT_EQ(spans.packets_apart_from(0), 0);
  EXPECT_EQ(spans.packets_apart_from(1), 0);
}

TEST(StreamSpans, GoByThePlaceInTheFileNotByTheOrderOfDelivery) {
  // Only at the end of the file is it certain that the last packet of a stream is complete.
  const auto spans = spans_of({{0, 100}, {1, 300}, {0, 200}, {1, 400}});
  EXPECT_EQ(spans.packets_apart_from(1), 2);
}

TEST(StreamSpans, CountPacketsWithoutAPlaceToo) {
  EXPECT_EQ(spans_of({{0, 100}, {0, -1}, {1, 300}}).packets_apart_from(1), 2);
  EXPECT_EQ(spans_of({{0, -1}, {1, 300}}).packets_apart_from(1), 0);
  EXPECT_EQ(StreamSpans().packets_apart_from(0), 0);
}

}  // namespace
}  // namespace freshframe::test
