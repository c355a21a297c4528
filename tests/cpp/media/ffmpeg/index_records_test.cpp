// A list that grows with a recording.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/write/index_records.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::media;  // NOLINT(google-build-using-namespace)

namespace {

std::vector<IndexRecords::Record> read(const IndexRecords& records) {
  std::vector<IndexRecords::Record> all;
  records.for_each([&all](const auto& record) { all.push_back(record); });
  return all;
}

std::vector<IndexRecords::Record> fill(IndexRecords& records, std::uint32_t count) {
  std::vector<IndexRecords::Record> all;
  for (std::uint32_t n = 0; n < count; ++n) {
    all.push_back({n, n * 7, ~n});
    records.add(all.back());
  }
  return all;
}

TEST(IndexRecords, ReturnsWhatWasAddedInOrder) {
  for (const std::uint32_t count : {0U, 1U, 4999U, 5000U, 5001U, 10000U, 23456U}) {
    const auto folder = std::filesystem::path(testing::TempDir()) / "index_records";
    std::filesystem::create_directory(folder);
    IndexRecords records((folder / "a.mp4").string());
    const auto added = fill(records, count);
    EXPECT_EQ(records.count(), count);
    EXPECT_EQ(read(records), added) << count;
    EXPECT_EQ(read(records), added) << "again";
    EXPECT_TRUE(std::filesystem::is_empty(folder)) << "its file has no name";
  }
}

TEST(IndexRecords, KeepsAllInMemoryIfTheFileCannotBeCreated) {
  IndexRecords records("/no/such/folder/a.mp4");
  const auto added = fill(records, 12345);
  EXPECT_EQ(read(records), added);
}

}  // namespace
}  // namespace freshframe::test
