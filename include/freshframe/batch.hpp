// How many samples a node gets in one call.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace freshframe {

/// A node with a batch gets up to `size` samples per call, gathered from all its edges in turn. After the
/// first sample it waits at most `max_wait` seconds of the pipeline's clock for more. With 0 it takes the
/// waiting ones.
struct Batch {
  int size = 1;
  double max_wait = 0;

  bool operator==(const Batch&) const = default;
};

inline constexpr int kMostBatch = 4096;

/// Throws OptionError for a size below 1 or above kMostBatch, and for a max_wait below 0 or not finite.
void validate(const Batch& batch);

}  // namespace freshframe
