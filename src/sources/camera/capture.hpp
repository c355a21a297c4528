// An opened, streaming camera: negotiates format and frame rate, owns the driver's buffers and waits for
// frames.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/stop_event.hpp"
#include "sources/camera/camera_finder.hpp"
#include "sources/camera/controls.hpp"
#include "sources/camera/format.hpp"
#include "sources/camera/modes.hpp"
#include "sources/camera/system.hpp"

struct v4l2_buffer;

namespace freshframe::media {

/// The driver's buffers, mapped into memory. Not thread-safe.
class V4l2Buffers {
 public:
  /// Throws SourceError. `least_bytes`: minimum size of each buffer.
  V4l2Buffers(const V4l2Handle& device, const std::string& path, int count, std::size_t least_bytes);
  V4l2Buffers(const V4l2Buffers&) = delete;
  V4l2Buffers& operator=(const V4l2Buffers&) = delete;
  ~V4l2Buffers();

  [[nodiscard]] int count() const noexcept { return static_cast<int>(mapped_.size()); }
  /// Returns a buffer to the driver to be filled. Returns 0 or an errno.
  [[nodiscard]] int try_give(std::uint32_t index);
  /// Takes a filled buffer. Returns 0 or an errno, EAGAIN if none is ready.
  [[nodiscard]] int take(v4l2_buffer& buffer);
  /// The contents of a buffer returned by take().
  [[nodiscard]] std::span<const std::uint8_t> bytes(const v4l2_buffer& buffer) const;

 private:
  struct Mapped {
    void* memory = nullptr;
    std::size_t length = 0;
    bool with_driver = false;
  };
  void map(std::uint32_t index, std::size_t least_bytes);

  const V4l2Handle& device_;
  std::string path_;
  std::vector<Mapped> mapped_;
};

/// Not thread-safe. Every method throws SourceError when the camera is lost.
class V4l2Capture {
 public:
  struct Buffer {
    std::span<const std::uint8_t> bytes;
    std::uint32_t sequence = 0;
    std::optional<TimePoint> timestamp;  // from the driver, if it uses the monotonic clock
    bool damaged = false;                // reported by the driver, or the image is incomplete
  };
  enum class Result { Buffer, Timeout, Stopped };

  /// Opens, configures and starts the camera. Throws SourceError or SourceRefused.
  V4l2Capture(V4l2System& system, CameraFinder& place, const CameraWish& wish, int buffers,
              CameraControls& controls);
  V4l2Capture(const V4l2Capture&) = delete;
  V4l2Capture& operator=(const V4l2Capture&) = delete;
  ~V4l2Capture();

  [[nodiscard]] const V4l2Picture& picture() const noexcept { return picture_; }
  [[nodiscard]] const std::optional<double>& fps() const noexcept { return fps_; }
  /// The name that the camera reports.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  /// Waits for a frame until `deadline`. The frame is valid until give_back().
  [[nodiscard]] Result wait(const Clock& clock, TimePoint deadline, const core::StopEvent& stop);
  [[nodiscard]] const Buffer& buffer() const noexcept { return buffer_; }
  /// Returns the buffer to the driver. If that fails, the next wait() throws.
  void give_back();

 private:
  void check_device();
  void settle_format(const CameraMode& mode, const CameraWish& wish);
  void settle_rate(const CameraMode& mode, const CameraWish& wish);
  void start();
  [[nodiscard]] int take();
  [[noreturn]] void lose(int code) const;
  [[noreturn]] void refuse(const std::string& why) const;

  std::string path_;
  V4l2Handle device_;
  std::string name_;
  V4l2Picture picture_;
  std::optional<double> fps_;
  std::optional<V4l2Buffers> buffers_;
  Buffer buffer_;
  std::optional<std::uint32_t> taken_;  // index of the buffer in buffer_
  int lost_ = 0;                        // errno of give_back()
  bool streaming_ = false;
};

}  // namespace freshframe::media
