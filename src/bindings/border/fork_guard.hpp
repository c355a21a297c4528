// Keeps a forked child from using its parent's pipelines, whose threads do not exist in the child, and frames
// in memory that both share.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/error.hpp"
#include "freshframe/forks.hpp"
#include "freshframe/frame.hpp"

#include <string>

namespace freshframe::python {

/// Returns the frame. Throws StateError in a forked child if the frame's memory is shared, not a copy,
/// because the parent continues to write to it.
const Frame& check_process(const Frame& frame);
const Frame& check_process(Frame&&) = delete;

/// Remembers the process that created it.
class ForkGuard {
 public:
  [[nodiscard]] bool has_forked() const noexcept { return birthplace_.is_inherited(); }
  /// Throws StateError in a forked child.
  void check(const char* what) const {
    if (has_forked()) {
      throw StateError(
          std::string(what) +
          " was created before this process was forked, and its threads run only in the parent: build a new "
          "pipeline after the fork, or start processes with multiprocessing's 'spawn'");
    }
  }

 private:
  forks::Birthplace birthplace_;
};

}  // namespace freshframe::python
