// The real V4L2 system calls, as opposed to those of tests.
// SPDX-License-Identifier: Apache-2.0
#include "sources/camera/system.hpp"

#include "freshframe/forks.hpp"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/ascii.hpp"
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace freshframe::media {
namespace {

namespace fs = std::filesystem;

/// Returns true for a symlink to a numbered device.
bool is_link_to_numbered(const fs::path& path) {
  std::error_code ignored;
  return fs::is_symlink(path, ignored) &&
         parse_device_number(fs::canonical(path, ignored).filename().string()) >= 0;
}

int or_error(int result) {
  return result < 0 ? -errno : result;
}

class Kernel final : public V4l2System {
 public:
  int open(const std::string& path) override {
    return or_error(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  }
  void close(int descriptor) override { ::close(descriptor); }
  int ioctl(int descriptor, unsigned long request, void* argument) override {
    return or_error(::ioctl(descriptor, request, argument));
  }
  std::pair<void*, int> map(int descriptor, std::size_t length, std::int64_t offset) override {
    void* memory = ::mmap(nullptr, length, PROT_READ, MAP_SHARED, descriptor, offset);
    if (memory == MAP_FAILED) return {nullptr, -errno};
    return {memory, 0};
  }
  void unmap(void* memory, std::size_t length) override { ::munmap(memory, length); }
  int poll(std::span<pollfd> waiting, int timeout_ms) override {
    return or_error(::poll(waiting.data(), static_cast<nfds_t>(waiting.size()), timeout_ms));
  }
  std::vector<std::string> paths() override { return camera_paths("/dev"); }
};

}  // namespace

V4l2System& V4l2System::kernel() {
  return forks::ProcessWide<Kernel>::get();
}

int parse_device_number(const std::string& name) {
  constexpr std::string_view kPrefix = "video";
  if (name.rfind(kPrefix, 0) != 0 || name.size() == kPrefix.size() || name.size() > kPrefix.size() + 4)
    return -1;
  int number = 0;
  for (const char c : name.substr(kPrefix.size())) {
    if (!core::is_digit(c)) return -1;
    number = 10 * number + (c - '0');
  }
  return number;
}

std::vector<std::string> camera_paths(const std::string& folder) {
  std::vector<std::pair<int, std::string>> found;
  std::error_code ignored;
  for (fs::directory_iterator entry(folder, ignored), end; !ignored && entry != end;
       entry.increment(ignored)) {
    const int number = parse_device_number(entry->path().filename().string());
    if (number >= 0 && !is_link_to_numbered(entry->path()))
      found.emplace_back(number, entry->path().string());
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> paths;
  for (auto& [number, path] : found) paths.push_back(std::move(path));
  return paths;
}

int query_capability(const V4l2Handle& device, v4l2_capability& into) {
  return device.error() != 0 ? device.error() : device.control(VIDIOC_QUERYCAP, into);
}

}  // namespace freshframe::media
