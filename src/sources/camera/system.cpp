// The real system calls.
// SPDX-License-Identifier: Apache-2.0
#include "sources/camera/system.hpp"

#include "freshframe/forks.hpp"

#include "sources/camera/devices.hpp"
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace freshframe::media {
namespace {

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

}  // namespace freshframe::media
