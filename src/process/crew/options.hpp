// The options of a node in worker processes, and the recipe of a worker.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace freshframe::process {

struct CrewOptions {
  int workers = 1;
  bool ordered = true;
  std::optional<Seconds> timeout = {};  // for one sample, from sending to reply
  /// Bytes of data of one worker. Results are limited to the same number.
  std::optional<std::uint64_t> max_bytes = {};
  int max_restarts = 3;  // within restart_window, before the node fails
  Seconds restart_window{60};
  bool skips_errors = false;  // on_error is Skip
};

/// The data with which every worker of a node is started.
struct Recipe {
  std::vector<std::string> arguments;    // the program first
  std::vector<std::string> environment;  // "NAME=value"
  std::vector<std::byte> payload;        // the node, used by the embedder's own code in the worker
  std::uint64_t knows = 0;               // the embedder's number of the definitions that its workers know
};

}  // namespace freshframe::process
