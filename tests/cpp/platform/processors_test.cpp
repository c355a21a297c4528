// The number of CPUs that cgroups allow.
// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <fstream>
#include <string>

#include "platform/machine.hpp"
#include <gtest/gtest.h>
#include <unistd.h>

namespace freshframe::platform {
namespace {

void write_to(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

TEST(Processors, AQuotaOfAControlGroupCounts) {
  const auto root =
      std::filesystem::temp_directory_path() / ("freshframe_groups_" + std::to_string(::getpid()));
  write_to(root / "proc/self/cgroup", "0::/outer/inner\n");
  write_to(root / "sys/fs/cgroup/outer/cpu.max", "100000 100000\n");
  write_to(root / "sys/fs/cgroup/outer/inner/cpu.max", "max 100000\n");
  EXPECT_EQ(usable_processors(root.string()), 1);
  write_to(root / "sys/fs/cgroup/outer/cpu.max", "50000 100000\n");  // half a CPU
  EXPECT_EQ(usable_processors(root.string()), 1);
  std::filesystem::remove_all(root);
  EXPECT_GE(usable_processors(root.string()), 1);
}

}  // namespace
}  // namespace freshframe::platform
