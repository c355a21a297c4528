// The number of threads of a run, and the error for a missing runtime.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"

#include <string>

#include "inference/runtime/session.hpp"
#include <gtest/gtest.h>

namespace freshframe::inference {
namespace {

TEST(Session, ARunHasFourThreadsAtMostUnlessMoreAreWanted) {
  EXPECT_GE(default_threads(), 1);
  EXPECT_LE(default_threads(), 4);
}

TEST(Runtime, ReportsWhatToInstallIfItIsMissing) {
  try {
    (void)Runtime::load("/nowhere/libonnxruntime.so.1");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("pip install"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace freshframe::inference
