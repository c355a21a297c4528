// How many samples a node gets in one call.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace freshframe {

/// A node with a batch gets up to `size` samples per call, taken from all its edges in turn. After the first
/// sample it waits up to `max_wait` seconds of the pipeline's clock for more; with 0 it takes only those
/// already queued.
struct Batch {
  int size = 1;
  double max_wait = 0;

  bool operator==(const Batch&) const = default;
};

inline constexpr int kMostBatch = 4096;

/// Throws OptionError if `size` is not between 1 and kMostBatch, or `max_wait` is negative or not finite.
void validate(const Batch& batch);

}  // namespace freshframe
