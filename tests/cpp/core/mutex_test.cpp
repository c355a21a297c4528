// Ranks of mutexes, which builds with a sanitizer check.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/mutex.hpp"

#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

class LockRanks : public ::testing::Test {
 protected:
  void SetUp() override {
#ifndef FRESHFRAME_CHECK_LOCKS
    GTEST_SKIP() << "ranks are checked in builds with a sanitizer";
#endif
    GTEST_FLAG_SET(death_test_style, "threadsafe");
  }

  Mutex graph_{LockRank::Graph};
  Mutex leaf_;
  Mutex other_leaf_;
};

TEST_F(LockRanks, AscendingOrderIsFine) {
  const Lock graph(graph_);
  const Lock leaf(leaf_);
}

TEST_F(LockRanks, AMutexThatWasLetGoDoesNotCount) {
  {
    const Lock leaf(leaf_);
  }
  const Lock graph(graph_);
}

TEST_F(LockRanks, TwoLeavesEndTheProgram) {
  const Lock leaf(leaf_);
  EXPECT_DEATH(const Lock other(other_leaf_),
               "another mutex is locked while this thread holds one of rank Leaf");
}

TEST_F(LockRanks, DescendingOrderEndsTheProgram) {
  const Lock leaf(leaf_);
  EXPECT_DEATH(const Lock graph(graph_), "another mutex is locked while this thread holds one of rank Leaf");
}

TEST_F(LockRanks, ForeignCodeWithALockEndsTheProgram) {
  const Lock graph(graph_);
  EXPECT_DEATH(core::expect_no_lock(), "foreign code is called while this thread holds one of rank Graph");
}

}  // namespace
}  // namespace freshframe::test
