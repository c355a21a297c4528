// Prevents recorders of this process from writing a file that another one writes, or that a source reads.
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

  [[nodiscard]] platform::FileId file() const { return file_.value(); }

 private:
  explicit WriteClaim(platform::FileId file) : file_(file) {}

  std::optional<platform::FileId> file_;
};

/// Shows the recorders that a source of this process reads a file. Several sources may read it. Any thread.
class ReadClaim {
 public:
  explicit ReadClaim(platform::FileId file);
  ReadClaim(const ReadClaim&) = delete;
  ReadClaim& operator=(const ReadClaim&) = delete;
  ~ReadClaim();

  [[nodiscard]] static bool is_claimed(platform::FileId file);

 private:
  const platform::FileId file_;
};

}  // namespace freshframe::media
