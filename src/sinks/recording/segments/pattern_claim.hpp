// Prevents a recorder with retention from deleting segments of another recorder in this process.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "sinks/recording/segments/segment_pattern.hpp"

namespace freshframe::media {

/// Registers the pattern of a running recorder. Thread-safe.
class PatternClaim {
 public:
  /// Returns nullopt if another recorder could produce the same path, and at least one of the two deletes
  /// segments.
  [[nodiscard]] static std::optional<PatternClaim> try_claim(const SegmentPattern& pattern, bool deletes);
  PatternClaim(PatternClaim&& other) noexcept : number_(std::exchange(other.number_, 0)) {}
  PatternClaim& operator=(PatternClaim&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~PatternClaim();

 private:
  explicit PatternClaim(std::uint64_t number) : number_(number) {}

  std::uint64_t number_;  // 0 if there is none
};

}  // namespace freshframe::media
