// Whether a thread waits for a lock at a known place, and the descriptor with which that is read.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/watch/futex_wait.hpp"

#include <optional>
#include <utility>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace freshframe::gil {
namespace {

TEST(GilFutexWait, LeavesAFileAloneThatHasGotTheNumberOfItsOwn) {
  const int number = ::open("/dev/null", O_RDONLY | O_CLOEXEC);  // the lowest that is free
  ASSERT_GE(number, 0);
  ::close(number);
  std::optional<FutexWait> wait(std::in_place, ::gettid());
  if (!wait->is_in(0, 1)) GTEST_SKIP() << "the kernel does not show system calls here";
  ASSERT_EQ(::close(number), 0);  // as a daemon closes all descriptors
  const int other = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(other, number);
  wait.reset();
  EXPECT_EQ(::close(other), 0);
}

}  // namespace
}  // namespace freshframe::gil
