// CPUs, host name and network addresses of the machine.
// SPDX-License-Identifier: Apache-2.0
#include "platform/machine.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace freshframe::platform {
namespace {

int by_affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

// cgroup v2: "200000 100000" means two CPUs, "max 100000" no limit.
std::optional<double> read_quota(const std::string& folder) {
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

std::string format_address(int family, const void* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (::inet_ntop(family, address, text.data(), text.size()) == nullptr) return {};
  return text.data();
}

// Returns "" for other address families and for link-local addresses.
std::string format_address(const sockaddr& address, int family) {
  if (address.sa_family != family) return {};
  if (family == AF_INET) {
    sockaddr_in four{};
    std::memcpy(&four, &address, sizeof four);
    return format_address(family, &four.sin_addr);
  }
  sockaddr_in6 six{};
  std::memcpy(&six, &address, sizeof six);
  return IN6_IS_ADDR_LINKLOCAL(&six.sin6_addr) ? std::string() : format_address(family, &six.sin6_addr);
}

}  // namespace

int usable_processors(const std::string& root) {
  double least = by_affinity();
  const auto look = [&least](const std::string& folder) {
    if (const auto quota = read_quota(folder)) least = std::min(least, *quota);
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

std::chrono::nanoseconds time_since_boot() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return {};
  return name.data();
}

std::vector<std::string> interface_addresses(bool six) {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, &::freeifaddrs);
  std::vector<std::string> result;
  for (const int family : {AF_INET, AF_INET6}) {
    if (family == AF_INET6 && !six) continue;
    for (const auto* one = list; one != nullptr; one = one->ifa_next) {
      const bool usable = (one->ifa_flags & IFF_UP) != 0 && (one->ifa_flags & IFF_LOOPBACK) == 0;
      if (!usable || one->ifa_addr == nullptr) continue;
      if (auto text = format_address(*one->ifa_addr, family); !text.empty())
        result.push_back(std::move(text));
    }
  }
  return result;
}

bool is_video_device(const std::string& path) noexcept {
  constexpr unsigned kVideoDevices = 81;  // Documentation/admin-guide/devices.txt of Linux
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISCHR(status.st_mode) &&
         major(status.st_rdev) == kVideoDevices;
}

}  // namespace freshframe::platform
