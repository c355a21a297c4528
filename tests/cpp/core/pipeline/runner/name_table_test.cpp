// The names of nodes that are added and removed: all stay known, and each name is stored once.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/runner/name_table.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe::core {
namespace {

TEST(NameTable, KnowsEachNumberAndNoOther) {
  NameTable names;
  names.add(0, "camera", "door");
  names.add(1, "faces", "");
  EXPECT_EQ(names.find_name(0), "camera");
  EXPECT_EQ(names.find_stream(0), "door");
  EXPECT_EQ(names.find_name(1), "faces");
  EXPECT_EQ(names.find_stream(1), "");
  EXPECT_EQ(names.find_name(2), "");
  EXPECT_EQ(names.find_name(-1), "");
  EXPECT_EQ(names.all(), (std::vector<std::string>{"camera", "faces"}));
}

TEST(NameTable, HasEmptyNamesForNumbersThatNobodyAdded) {
  NameTable names;
  names.add(3, "camera", "");
  EXPECT_EQ(names.find_name(2), "");
  EXPECT_EQ(names.find_name(3), "camera");
  EXPECT_EQ(names.all(), (std::vector<std::string>{"", "", "", "camera"}));
}

TEST(NameTable, KeepsANameOnceHoweverOftenItComesAgain) {
  NameTable names;
  const std::string name(100, 'n');
  names.add(0, name, "");
  const auto& first = names.find_name(0);
  for (int number = 1; number < 1000; ++number) names.add(number, name, "");
  EXPECT_EQ(&names.find_name(0), &first);
  EXPECT_EQ(&names.find_name(999), &first);
}

TEST(NameTable, TellsStreamsOfNodesWithTheSameNameApart) {
  NameTable names;
  names.add(0, "camera", "door");
  names.add(1, "camera", "yard");
  EXPECT_EQ(names.find_stream(0), "door");
  EXPECT_EQ(names.find_stream(1), "yard");
}

}  // namespace
}  // namespace freshframe::core
