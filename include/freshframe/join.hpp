// Options of a join: how samples of several parents are matched, and how long they wait for each other.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace freshframe {

/// What a join compares: Stamp::captured, Stamp::pts, Stamp::seq or Stamp::utc.
enum class JoinBy : std::uint8_t { Captured, Pts, Seq, Utc };
[[nodiscard]] std::string_view to_string(JoinBy by) noexcept;
/// The inverse of to_string(). Throws OptionError for an unknown name.
[[nodiscard]] JoinBy parse_join_by(std::string_view name);

inline constexpr std::size_t kMostJoined = 16;

/// A node or reader with a join receives sets: one sample of each parent, with times that differ by at most
/// `within` seconds. The first parent is the reference. Each sample is in at most one set, and sets arrive in
/// order. The rules are in docs/reference/joins.md.
struct Join {
  /// Maximum difference between the earliest and the latest time of a set, in seconds. Must not be set with
  /// Seq, which compares for equality.
  std::optional<double> within = {};
  /// How long a sample waits for its partners after it arrives, in seconds. nullopt: forever, which is only
  /// allowed for files.
  std::optional<double> max_wait = {};
  /// Default: Seq if all samples come from one source, Pts if all sources are files, otherwise Captured. Utc
  /// drops samples (as `no_clock`) whose time is not from the clock of a camera or device, or whose
  /// Utc::error is more than `within`.
  std::optional<JoinBy> by = {};
  /// When a set times out, deliver it without the missing samples, provided the reference's is there.
  bool partial = false;

  bool operator==(const Join&) const = default;
};

/// Throws OptionError if `within` is negative, `max_wait` is not positive, either is not finite, or `within`
/// is set with Seq.
void validate(const Join& join);

}  // namespace freshframe
