// The number of processors that control groups allow, and a missing runtime.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"

#include <filesystem>
#include <fstream>
#include <string>

#include "inference/runtime/session.hpp"
#include <gtest/gtest.h>
#include <unistd.h>

namespace freshframe::inference {
namespace {

void write(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

TEST(Processors, AQuotaOfAControlGroupCounts) {
  const auto root =
      std::filesystem::temp_directory_path() / ("freshframe_groups_" + std::to_string(::getpid()));
  write(root / "proc/self/cgroup", "0::/outer/inner\n");
  write(root / "sys/fs/cgroup/outer/cpu.max", "100000 100000\n");
  write(root / "sys/fs/cgroup/outer/inner/cpu.max", "max 100000\n");
  EXPECT_EQ(usable_processors(root.string()), 1);
  write(root / "sys/fs/cgroup/outer/cpu.max", "50000 100000\n");  // half of one
  EXPECT_EQ(usable_processors(root.string()), 1);
  std::filesystem::remove_all(root);
  EXPECT_GE(usable_processors(root.string()), 1);
  EXPECT_LE(default_threads(), 4);
}

TEST(Runtime, SaysWhatToInstallWhenItIsMissing) {
  try {
    (void)Runtime::load("/nowhere/libonnxruntime.so.1");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("pip install"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace freshframe::inference
