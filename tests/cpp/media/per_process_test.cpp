// Objects that exist once per process.
// SPDX-License-Identifier: Apache-2.0
#include "media/network/per_process.hpp"

#include <atomic>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace freshframe::media {
namespace {

struct Numbered {
  Numbered() : number(++made) {}
  static inline std::atomic<int> made{0};
  const int number;
};

TEST(PerProcess, AChildThatIsForkedBeforeTheFirstUseHasItsOwn) {
  ASSERT_EQ(Numbered::made, 1) << "made when the program is loaded";
  const int child = ::fork();
  if (child == 0) ::_exit(PerProcess<Numbered>::get().number);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 2) << "the handler of forks was registered before any use";
  EXPECT_EQ(PerProcess<Numbered>::get().number, 1);
}

}  // namespace
}  // namespace freshframe::media
