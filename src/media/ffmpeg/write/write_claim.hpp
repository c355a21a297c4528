// Prevents two recorders of this process from writing the same file.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

namespace freshframe::media {

/// The right to write one regular file, under any of its names. Any thread.
class WriteClaim {
 public:
  /// Returns nullopt if another recorder has it.
  [[nodiscard]] static std::optional<WriteClaim> of(std::uint64_t device, std::uint64_t inode);
  WriteClaim(WriteClaim&& other) noexcept : file_(std::exchange(other.file_, std::nullopt)) {}
  WriteClaim& operator=(WriteClaim&&) = delete;
  ~WriteClaim();

 private:
  using File = std::pair<std::uint64_t, std::uint64_t>;

  explicit WriteClaim(File file) : file_(file) {}

  std::optional<File> file_;
};

}  // namespace freshframe::media
