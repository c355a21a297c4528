// Finds the path of a camera that may have been plugged in again.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"

#include <cstdint>
#include <string>

#include "sources/camera/system.hpp"
#include <linux/videodev2.h>

namespace freshframe::media {

/// Tracks where a source's camera is: at the path that the user gave, or at another one after replugging.
/// While an unplugged camera is still open, the kernel keeps its number, so a camera that returns early gets
/// a new one. A symlink (as in /dev/v4l/by-id) is never replaced by another path, since udev's rules decide
/// where it leads.
/// path() and find_fault() are thread-safe; the others are for the source's thread.
class CameraFinder {
 public:
  CameraFinder(std::string path, V4l2System& system);

  [[nodiscard]] std::string path() const;
  /// Checks `device`, which was opened at path(). Returns its errno, ENODEV if its number now belongs to
  /// another camera, or 0.
  [[nodiscard]] int find_fault(const V4l2Handle& device) const;
  /// Stores the identity of `device`, which was opened at path(), as that of the source's camera.
  void remember(const V4l2Handle& device);
  /// Call before reopening the camera. If the camera is not at path(), searches all paths. Throws
  /// SourceError, once, if it is not found and another camera has the given path.
  void find();

 private:
  enum class Found { Same, Other, Absent };
  /// How a camera is recognised after replugging. A camera may have several devices: for video and for
  /// metadata.
  struct Identity {
    std::string text;  // name, driver and bus of the camera; empty if the driver does not report them
    std::uint32_t abilities = 0;
    bool operator==(const Identity&) const = default;
  };
  [[nodiscard]] static Identity read_identity(const v4l2_capability& capability);
  [[nodiscard]] Identity identity() const;
  [[nodiscard]] Found look(const std::string& path) const;
  void move(const std::string& path);

  const std::string given_;
  const bool numbered_;  // not a symlink
  V4l2System& system_;
  bool refused_ = false;  // another camera was rejected since the last remember()
  mutable Mutex mutex_;
  std::string path_ FRESHFRAME_GUARDED_BY(mutex_);
  Identity identity_ FRESHFRAME_GUARDED_BY(mutex_);
};

}  // namespace freshframe::media
