// Predicts the effect of changing a node.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/batch.hpp"
#include "freshframe/queue.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace freshframe {

/// A change to one node. Unset members stay as they are.
struct NodeChange {
  std::optional<Queue> queue = {};      // for all edges into the node, like the next two
  std::optional<double> max_age = {};   // seconds
  std::optional<double> max_rate = {};  // samples per second and source
  std::optional<int> workers = {};      // number of worker processes to run the node in; 1 to 256
  std::optional<Batch> batch = {};
  /// Factor: at 2 each call takes half as long, as on a faster machine; 0.001 to 1000.
  std::optional<double> speed = {};
  std::optional<double> rate = {};  // for a source: samples per second
};

/// A predicted value: most likely about `middle`, and between `low` and `high`.
struct Range {
  double low = 0;
  double middle = 0;
  double high = 0;
};

/// The predicted effect on one reader or sink.
struct Outcome {
  std::string consumer;
  bool is_reader = false;              // ages are then measured when samples reach it, not when it takes them
  double rate_now = 0;                 // samples per second
  double age_mean_now = 0;             // seconds
  std::optional<Range> rate = {};      // samples per second
  std::optional<Range> age_mean = {};  // the age in seconds, like the next two
  std::optional<Range> age_p50 = {};
  std::optional<Range> age_p99 = {};
  std::string reason = {};  // why the ages are unknown; empty if they are known
};

/// The answer of what_if().
struct WhatIf {
  std::string node;
  std::string change;       // "queue=NEXT, workers=2"
  std::string reason = {};  // why nothing can be predicted; empty if something can
  /// For each downstream reader and sink; empty if nothing can be predicted.
  std::vector<Outcome> outcomes = {};
  std::size_t calls = 0;  // number of recorded calls of the node with the fewest
  double duration = 0;    // seconds covered by the recording

  [[nodiscard]] bool is_known() const noexcept { return reason.empty(); }
};

class Pipeline;

/// Predicts how a change to one node affects the age and rate of samples at readers and sinks, by running the
/// engine's own queues on timings recorded during the last minute. If these are not enough for a prediction,
/// the answer has the reason. Takes tens of milliseconds. Thread-safe. Throws OptionError if the change is
/// not possible for this node, GraphError if there is no such node.
[[nodiscard]] WhatIf what_if(const Pipeline& pipeline, const std::string& node, const NodeChange& change);
/// Parses and answers a question such as "detect: queue=NEXT, workers=2".
[[nodiscard]] WhatIf what_if(const Pipeline& pipeline, std::string_view question);

/// A question in text form. A queue is LATEST, NEXT, LOSSLESS, RECORDING, Queue(8) or Queue(8, drop_newest);
/// a batch is 4 or Batch(4, 0.1). Throws OptionError.
struct Question {
  std::string node;
  NodeChange change;

  [[nodiscard]] static Question parse(std::string_view text);
};

[[nodiscard]] std::string to_string(const NodeChange& change);
/// Several lines.
[[nodiscard]] std::string to_string(const WhatIf& answer);

}  // namespace freshframe
