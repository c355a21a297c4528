// Limits of control groups (version 1 and 2) and of the machine.
// SPDX-License-Identifier: Apache-2.0
#include "process/memory/headroom.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>
#include <optional>
#include <string_view>
#include <system_error>

namespace freshframe::process {
namespace {

constexpr std::size_t kUnlimited = std::numeric_limits<std::size_t>::max();

std::optional<std::size_t> parse(std::string_view text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end != text.data() ? std::optional(value) : std::nullopt;
}

// The number in a file; nullopt for "max" or a missing file.
std::optional<std::size_t> number_in(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  return file >> word ? parse(word) : std::nullopt;
}

// The number after `key` in a file with lines of "key number".
std::optional<std::size_t> number_after(const std::string& path, std::string_view key) {
  std::ifstream file(path);
  std::string name;
  std::string value;
  while (file >> name >> value) {
    if (name == key) return parse(value);
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return std::nullopt;
}

struct GroupFiles {
  const char* limit;
  const char* used;
  const char* cache;  // page cache in memory.stat, which is reclaimed before any process is killed
};
constexpr GroupFiles kVersion1{"/memory.limit_in_bytes", "/memory.usage_in_bytes", "total_inactive_file"};
constexpr GroupFiles kVersion2{"/memory.max", "/memory.current", "inactive_file"};

std::size_t read_headroom(const std::string& group, const GroupFiles& files) {
  const auto limit = number_in(group + files.limit);
  const auto used = number_in(group + files.used);
  if (!limit || !used) return kUnlimited;
  const auto cache = number_after(group + "/memory.stat", files.cache).value_or(0);
  const auto taken = *used - std::min(*used, cache);
  return *limit - std::min(*limit, taken);
}

// The minimum left in the group and its ancestors up to `mount`.
std::size_t headroom_up(const std::string& mount, std::string group, const GroupFiles& files) {
  auto least = read_headroom(mount, files);
  while (group.size() > 1) {
    least = std::min(least, read_headroom(mount + group, files));
    group.resize(group.rfind('/'));
  }
  return least;
}

}  // namespace

std::size_t memory_headroom(const std::string& root) {
  auto least = kUnlimited;
  if (const auto free = number_after(root + "/proc/meminfo", "MemAvailable:")) least = *free * 1024;
  std::ifstream groups(root + "/proc/self/cgroup");
  std::string line;
  while (std::getline(groups, line)) {  // "0::/a/b" or "4:memory:/a/b"
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    const auto group = line.substr(second + 1);
    if (!group.starts_with('/')) continue;
    if (controllers.empty()) least = std::min(least, headroom_up(root + "/sys/fs/cgroup", group, kVersion2));
    if (controllers == "memory") {
      least = std::min(least, headroom_up(root + "/sys/fs/cgroup/memory", group, kVersion1));
    }
  }
  return least;
}

std::size_t oom_kills(const std::string& root) {
  return number_after(root + "/proc/vmstat", "oom_kill").value_or(0);
}

}  // namespace freshframe::process
