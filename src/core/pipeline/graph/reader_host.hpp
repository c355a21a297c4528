// The reader's interface to its pipeline. Not used for each sample.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace freshframe::core {

class ReaderCore;

/// The pipeline of a reader, as the reader sees it. Thread-safe.
class ReaderHost {
 public:
  ReaderHost() = default;
  ReaderHost(const ReaderHost&) = delete;
  ReaderHost& operator=(const ReaderHost&) = delete;
  virtual ~ReaderHost() = default;

  /// Throws the failure of the pipeline, or StalledError if nothing has moved for stall_timeout because of a
  /// full blocking queue. If another reader's thread is merely slow, logs a warning instead.
  virtual void check_stalled_for(const ReaderCore& waiting) = 0;
  /// Returns the end of an error message: the states of the reader's sources that deliver nothing, and the
  /// silent nodes upstream of it. May be empty.
  [[nodiscard]] virtual std::string describe_trouble_upstream(const ReaderCore& reader) const = 0;
  /// Removes the edges of closed readers.
  virtual void sweep_readers() = 0;
};

}  // namespace freshframe::core
