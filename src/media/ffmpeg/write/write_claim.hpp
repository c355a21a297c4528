// Prevents two recorders of this process from writing the same file.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <utility>

#include "platform/file.hpp"

namespace freshframe::media {

/// The right to write one regular file, under any of its names. Any thread.
class WriteClaim {
 public:
  /// Returns nullopt if another recorder has it.
  [[nodiscard]] static std::optional<WriteClaim> try_claim(platform::FileId file);
  WriteClaim(WriteClaim&& other) noexcept : file_(std::exchange(other.file_, std::nullopt)) {}
  WriteClaim& operator=(WriteClaim&&) = delete;
  ~WriteClaim();

 private:
  explicit WriteClaim(platform::FileId file) : file_(file) {}

  std::optional<platform::FileId> file_;
};

}  // namespace freshframe::media
