// Room on the disk for a file that grows.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace freshframe::media {

/// Called by a file's writer, on its thread.
class DiskRoom {
 public:
  DiskRoom() = default;
  DiskRoom(const DiskRoom&) = delete;
  DiskRoom& operator=(const DiskRoom&) = delete;
  virtual ~DiskRoom() = default;

  /// The file is about to grow by the data of up to a second.
  virtual void before_flush() noexcept = 0;
  /// The disk is full. True means something was deleted, and the write is tried again.
  [[nodiscard]] virtual bool after_full() noexcept = 0;
};

}  // namespace freshframe::media
