// Options of a node in worker processes, and what is needed to start a worker.
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
  std::optional<Seconds> timeout = {};  // time limit for one sample, from sending it to the reply
  /// Maximum data segment of a worker. Results are limited to the same size.
  std::optional<std::uint64_t> max_bytes = {};
  int max_restarts = 3;  // restarts within restart_window until the node fails
  Seconds restart_window{60};
  bool skips_errors = false;  // on_error is Skip
};

/// What every worker of a node is started with.
struct Recipe {
  std::vector<std::string> arguments;    // argv, including the program
  std::vector<std::string> environment;  // "NAME=value"
  std::vector<std::byte> payload;  // the serialized node, interpreted by the embedder's code in the worker
  std::uint64_t knows = 0;         // version of the embedder's definitions that these workers know
};

}  // namespace freshframe::process
