// The minimum of the process's affinity and of its control groups' quotas.
// SPDX-License-Identifier: Apache-2.0
#include "core/processors.hpp"

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>

#include <sched.h>

namespace freshframe::core {
namespace {

int by_affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

// "200000 100000" of cgroup v2: two processors; "max 100000": no limit.
std::optional<double> quota_of(const std::string& folder) {
  if (std::ifstream file(folder + "/cpu.max"); file) {
    std::string quota;
    double period = 0;
    if (file >> quota >> period && quota != "max" && period > 0) return std::stod(quota) / period;
    return std::nullopt;
  }
  std::ifstream quota_file(folder + "/cpu.cfs_quota_us");
  std::ifstream period_file(folder + "/cpu.cfs_period_us");
  double quota = 0;
  double period = 0;
  if (quota_file >> quota && period_file >> period && quota > 0 && period > 0) return quota / period;
  return std::nullopt;
}

}  // namespace

int usable_processors(const std::string& root) {
  double least = by_affinity();
  const auto look = [&least](const std::string& folder) {
    if (const auto quota = quota_of(folder)) least = std::min(least, *quota);
  };
  std::ifstream groups(root + "/proc/self/cgroup");
  std::string line;
  while (std::getline(groups, line)) {  // "0::/a/b" or "4:cpu,cpuacct:/a/b"
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    if (!controllers.empty() && controllers.find("cpu") == std::string::npos) continue;
    const std::string mount = root + (controllers.empty() ? "/sys/fs/cgroup" : "/sys/fs/cgroup/cpu");
    auto group = line.substr(second + 1);
    for (look(mount); group.size() > 1; group.resize(group.rfind('/'))) look(mount + group);
  }
  return std::max(1, static_cast<int>(least));
}

}  // namespace freshframe::core
