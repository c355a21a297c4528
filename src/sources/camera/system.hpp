// The camera reader's system calls as an interface, so that tests can simulate a camera.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <linux/videodev2.h>
#include <poll.h>

namespace freshframe::media {

/// Calls return the system call's result, or -errno. Thread-safe.
class V4l2System {
 public:
  V4l2System() = default;
  V4l2System(const V4l2System&) = delete;
  V4l2System& operator=(const V4l2System&) = delete;
  virtual ~V4l2System() = default;

  /// Opens for reading and writing, non-blocking. Returns a descriptor.
  virtual int open(const std::string& path) = 0;
  virtual void close(int descriptor) = 0;
  virtual int ioctl(int descriptor, unsigned long request, void* argument) = 0;
  /// Maps memory for reading. Returns null and -errno on failure.
  virtual std::pair<void*, int> map(int descriptor, std::size_t length, std::int64_t offset) = 0;
  virtual void unmap(void* memory, std::size_t length) = 0;
  virtual int poll(std::span<pollfd> waiting, int timeout_ms) = 0;
  /// Returns the paths of all potential cameras, ordered by number.
  [[nodiscard]] virtual std::vector<std::string> paths() = 0;

  [[nodiscard]] static V4l2System& kernel();
};

/// Converts a driver's char array to a string, up to the first zero.
template <std::size_t N>
[[nodiscard]] std::string driver_text(const std::uint8_t (&bytes)[N]) {
  const auto* begin = reinterpret_cast<const char*>(bytes);
  return {begin, std::find(begin, begin + N, '\0')};
}

/// Returns V4L2_CAP_* of the device itself, if the driver reports them separately from those of the whole
/// hardware.
[[nodiscard]] inline std::uint32_t device_abilities(const v4l2_capability& capability) noexcept {
  return (capability.capabilities & V4L2_CAP_DEVICE_CAPS) != 0 ? capability.device_caps
                                                               : capability.capabilities;
}

/// An open device, closed by the destructor.
class V4l2Handle {
 public:
  V4l2Handle(V4l2System& system, const std::string& path)
      : system_(&system), result_(again([&] { return system.open(path); })) {}
  V4l2Handle(const V4l2Handle&) = delete;
  V4l2Handle& operator=(const V4l2Handle&) = delete;
  ~V4l2Handle() {
    if (result_ >= 0) system_->close(result_);
  }

  /// Returns 0, or the errno of open().
  [[nodiscard]] int error() const noexcept { return result_ < 0 ? -result_ : 0; }
  [[nodiscard]] int descriptor() const noexcept { return result_; }
  [[nodiscard]] V4l2System& system() const noexcept { return *system_; }

  /// Calls ioctl, again after EINTR. Returns 0 or the errno.
  template <class T>
  [[nodiscard]] int control(unsigned long request, T& argument) const {
    const int result = again([&] { return system_->ioctl(result_, request, &argument); });
    return result < 0 ? -result : 0;
  }

 private:
  template <class Call>
  static int again(const Call& call) {
    constexpr int kMostSignals = 1000;  // signals in a row; more indicate a broken driver
    int result = call();
    for (int i = 0; result == -EINTR && i < kMostSignals; ++i) result = call();
    return result;
  }

  V4l2System* system_;
  int result_;
};

/// Returns 10 for "video10", and -1 for other names.
[[nodiscard]] int parse_device_number(const std::string& name);
/// Returns all "video<number>" in a directory, ordered by number, without symlinks to another one.
[[nodiscard]] std::vector<std::string> camera_paths(const std::string& folder);
/// Returns 0, or the errno of opening or querying the device.
[[nodiscard]] int query_capability(const V4l2Handle& device, v4l2_capability& into);

}  // namespace freshframe::media
