// Checks whether a thread waits for a lock at a known address.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include <sys/types.h>

namespace freshframe::gil {

/// Reads the system call of a thread of this process from /proc, which takes about 1.5 µs. Used by one
/// thread. If the program has closed the descriptor and its number now belongs to another file, that file
/// stays open.
class FutexWait {
 public:
  explicit FutexWait(pid_t thread) : thread_(thread) {}
  ~FutexWait();
  FutexWait(const FutexWait&) = delete;
  FutexWait& operator=(const FutexWait&) = delete;

  /// Returns true if the thread waits on a futex in [from, from + size), or nullopt if that is unknown.
  std::optional<bool> is_in(std::uintptr_t from, std::size_t size) noexcept;

 private:
  static constexpr int kUnopened = -1;
  static constexpr int kUnreadable = -2;

  void open() noexcept;

  pid_t thread_;
  int file_ = kUnopened;
  std::pair<dev_t, ino_t> identity_{};  // device and inode of the file
};

}  // namespace freshframe::gil
