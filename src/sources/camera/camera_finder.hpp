// The path of a camera that may have been plugged in again.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"

#include <cstdint>
#include <string>

#include "sources/camera/system.hpp"
#include <linux/videodev2.h>

namespace freshframe::media {

/// Where a source's camera is: at the path that the user gave, or at another since it was plugged in again. As long as
/// a camera that was unplugged is open, the kernel keeps its number, and a camera that is back before gets another. A
/// link, such as one of /dev/v4l/by-id, is never left: what it leads to is the choice of udev's rules.
/// path() and find_fault() are thread-safe, the others are for the source's thread.
class CameraFinder {
 public:
  CameraFinder(std::string path, V4l2System& system);

  [[nodiscard]] std::string path() const;
  /// Returns the errno of `device`, opened at path(), ENODEV if another camera has the number now, or 0.
  [[nodiscard]] int find_fault(const V4l2Handle& device) const;
  /// `device`, opened at path(), is the source's camera.
  void remember(const V4l2Handle& device);
  /// To be called before the camera is opened again. Looks for it at every path where it isn't at its own. Throws
  /// SourceError, once, where another camera has its path and it is nowhere.
  void find();

 private:
  enum class Found { Same, Other, Absent };
  /// The facts by which a camera is recognised after it was plugged in again. A camera may have several devices: for
  /// pictures, for metadata.
  struct Identity {
    std::string text;  // its name, driver and plug; empty if the driver does not say
    std::uint32_t abilities = 0;
    bool operator==(const Identity&) const = default;
  };
  [[nodiscard]] static Identity read_identity(const v4l2_capability& capability);
  [[nodiscard]] Identity identity() const;
  [[nodiscard]] Found look(const std::string& path) const;
  void move(const std::string& path);

  const std::string given_;
  const bool numbered_;  // not a link
  V4l2System& system_;
  bool refused_ = false;  // another camera, since the last remember()
  mutable Mutex mutex_;
  std::string path_ FRESHFRAME_GUARDED_BY(mutex_);
  Identity identity_ FRESHFRAME_GUARDED_BY(mutex_);
};

}  // namespace freshframe::media
