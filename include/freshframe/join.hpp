// The options of a join: which samples of several parents belong together, and how long they wait.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace freshframe {

/// The time of a sample by which a join compares: Stamp::captured, Stamp::pts, its number, Stamp::seq, or its
/// wall time, Stamp::utc.
enum class JoinBy : std::uint8_t { Captured, Pts, Seq, Utc };
/// "captured", "pts", "seq" or "utc".
[[nodiscard]] std::string_view to_string(JoinBy by) noexcept;
/// The inverse of to_string(). Throws OptionError for another name.
[[nodiscard]] JoinBy parse_join_by(std::string_view name);

inline constexpr std::size_t kMostJoined = 16;  // parents

/// A node or reader with a join gets sets: a sample of each parent whose times differ by at most `within`
/// seconds in all. The first parent is the reference. Each sample is in at most one set, and sets come in
/// order. The rules are in docs/reference/joins.md.
struct Join {
  /// Seconds between the least and the greatest time of a set. Not given with Seq, which wants equal numbers.
  std::optional<double> within = {};
  /// Seconds that a sample waits for its partners after its own arrival. nullopt means without limit, which
  /// only files may.
  std::optional<double> max_wait = {};
  /// The default is Seq if all samples come from one source, Pts below files only, else Captured. Utc drops
  /// samples as `no_clock` whose time is of no camera's or device's clock, or whose Utc::error is more than
  /// `within`.
  std::optional<JoinBy> by = {};
  /// A set whose time is over is delivered without the missing samples, if the reference's is there.
  bool partial = false;

  bool operator==(const Join&) const = default;
};

/// Throws OptionError for a `within` below 0, a `max_wait` that is not more than 0, either not finite, and for
/// Seq together with `within`.
void validate(const Join& join);

}  // namespace freshframe
