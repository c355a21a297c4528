// Makes room on the disk for a growing file.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace freshframe::media {

/// Called on the thread of the file's writer.
class DiskRoom {
 public:
  DiskRoom() = default;
  DiskRoom(const DiskRoom&) = delete;
  DiskRoom& operator=(const DiskRoom&) = delete;
  virtual ~DiskRoom() = default;

  /// Called before the file grows by up to a second of data.
  virtual void before_flush() noexcept = 0;
  /// Called if the disk is full. Returns true if something was deleted, so that the write should be retried.
  [[nodiscard]] virtual bool after_full() noexcept = 0;
};

}  // namespace freshframe::media
