// Prevents a recorder that deletes old segments from deleting segments of another recorder of this process.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "sinks/recording/segments/segment_pattern.hpp"

namespace freshframe::media {

/// The patterns of all recorders that run. Any thread.
class PatternClaim {
 public:
  /// Returns nullopt if one path can be a segment of this recorder and of another one, and one of them
  /// deletes.
  [[nodiscard]] static std::optional<PatternClaim> try_claim(const SegmentPattern& pattern, bool deletes);
  PatternClaim(PatternClaim&& other) noexcept : number_(std::exchange(other.number_, 0)) {}
  PatternClaim& operator=(PatternClaim&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~PatternClaim();

 private:
  explicit PatternClaim(std::uint64_t number) : number_(number) {}

  std::uint64_t number_;  // 0: none
};

}  // namespace freshframe::media
