// Memory limits, read from files in the format of the kernel.
// SPDX-License-Identifier: Apache-2.0
#include "process/memory/headroom.hpp"

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>

#include "cpp/support.hpp"
#include "cpp/temporary_folder.hpp"
#include <gtest/gtest.h>

namespace freshframe::process {
namespace {

/// A folder with fake /proc and /sys files.
class Machine {
 public:
  Machine& write(const std::string& path, const std::string& text) {
    const auto file = std::filesystem::path(root() + path);
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
    return *this;
  }
  [[nodiscard]] std::size_t headroom() const { return memory_headroom(root()); }
  [[nodiscard]] std::string root() const { return folder_.path().string(); }

 private:
  test::Folder folder_;
};

TEST(Headroom, IsWhatTheMachineHasLeftWithoutAControlGroup) {
  Machine machine;
  machine.write("/proc/meminfo", "MemTotal: 8000 kB\nMemFree: 1000 kB\nMemAvailable: 2000 kB\n");
  EXPECT_EQ(machine.headroom(), 2000U * 1024);
}

TEST(Headroom, IsThatOfTheTightestGroupAbove) {
  Machine machine;
  machine.write("/proc/meminfo", "MemAvailable: 2000000 kB\n").write("/proc/self/cgroup", "0::/a/b\n");
  machine.write("/sys/fs/cgroup/a/b/memory.max", "max\n").write("/sys/fs/cgroup/a/b/memory.current", "100\n");
  machine.write("/sys/fs/cgroup/a/memory.max", "5000\n").write("/sys/fs/cgroup/a/memory.current", "2000\n");
  EXPECT_EQ(machine.headroom(), 3000U);
}

TEST(Headroom, CountsCachesOfFilesAsFree) {
  Machine machine;
  machine.write("/proc/self/cgroup", "0::/a\n").write("/sys/fs/cgroup/a/memory.max", "5000\n");
  machine.write("/sys/fs/cgroup/a/memory.current", "4900\n");
  machine.write("/sys/fs/cgroup/a/memory.stat",
                "anon 900\nfile 4000\ninactive_file 3000\nactive_file 1000\n");
  EXPECT_EQ(machine.headroom(), 3100U);
}

TEST(Headroom, ReadsGroupsOfTheFirstVersion) {
  Machine machine;
  machine.write("/proc/self/cgroup", "3:cpu:/x\n4:memory:/docker/1\n");
  machine.write("/sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", "7000\n");
  machine.write("/sys/fs/cgroup/memory/docker/1/memory.usage_in_bytes", "8000\n");
  EXPECT_EQ(machine.headroom(), 0U);
}

TEST(Headroom, SurvivesFilesThatMakeNoSense) {
  Machine machine;
  machine.write("/proc/meminfo", "MemAvailable\n").write("/proc/self/cgroup", "0:\n\n::::\n0::nowhere\nx");
  EXPECT_GT(machine.headroom(), std::size_t{1} << 60U);
}

TEST(OomKills, AreTheMachines) {
  Machine machine;
  EXPECT_EQ(oom_kills(machine.root()), 0U);
  machine.write("/proc/vmstat", "nr_free_pages 7\noom_kill 3\nnuma_hit 1\n");
  EXPECT_EQ(oom_kills(machine.root()), 3U);
}

}  // namespace
}  // namespace freshframe::process
