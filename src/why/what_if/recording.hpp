// The facts about a running pipeline: the records of its calls, its edges, and what it costs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/batch.hpp"
#include "freshframe/what_if.hpp"
#include "freshframe/why.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/edge/edge.hpp"
#include "core/watch/call_ring.hpp"

namespace freshframe::core {

/// One node, source or reader.
struct RecordedNode {
  std::string name;
  bool is_source = false;
  bool is_live = false;
  bool is_reader = false;
  bool is_outside = false;  // the embedder's: it uses the GIL
  bool joins = false;
  bool has_own_stream = false;  // on_tick(), finish()
  bool gives_several = false;
  bool takes_batches = false;
  int workers = 0;  // processes; 0 if it runs on a thread
  std::optional<Batch> batch = {};
  std::vector<EdgeOptions> edges = {};  // into it
  std::vector<Call> calls = {};         // the latest, the oldest first

  // ---- since the start of the pipeline
  double gil_hold = 0;                  // seconds
  double gil_wait = 0;                  // seconds
  std::optional<double> computed = {};  // seconds of processor time, its workers' as well
  double starved = 0;                   // seconds for which its thread was ready to run and had no processor
  std::uint64_t processed = 0;          // samples
  std::uint64_t waited = 0;             // nanoseconds for room at its children
  std::vector<std::uint64_t> passed = {};  // samples that came on each of `edges`
};

/// All of them by their numbers; readers have negative ones.
struct Recording {
  std::map<int, RecordedNode> nodes = {};
  bool runs = false;
  double uptime = 0;  // seconds
  int processors = 1;
  std::vector<Age> present = {};  // ages of the last minute

  [[nodiscard]] bool is_end(int number) const;
  /// The nodes and readers that take samples of a node, itself included, and whatever they pass them on to.
  [[nodiscard]] std::vector<int> below(int number) const;
};

class PipelineCore;
/// Any thread.
[[nodiscard]] Recording make_recording(const PipelineCore& core);

/// The calls of the last minute, or the last kFewestCalls if these are fewer.
[[nodiscard]] std::vector<Call> latest_calls(std::vector<Call> calls);

constexpr std::size_t kFewestCalls = 200;  // calls that prove anything

/// The answer. Deterministic: the same recording gives the same one. Soon after `stop` nothing is known. Throws
/// OptionError, GraphError.
[[nodiscard]] WhatIf what_if(const Recording& recording, const std::string& node, const NodeChange& change,
                             const std::stop_token& stop = {});

}  // namespace freshframe::core
