// The predicted effect of a change of one node, before anybody makes it.
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

/// A change of one node, as what_if() asks for it. Only what is given changes.
struct NodeChange {
  std::optional<Queue> queue = {};      // queue of all edges into the node, like the next two
  std::optional<double> max_age = {};   // seconds
  std::optional<double> max_rate = {};  // samples per second and source
  std::optional<int> workers = {};      // it runs in this number of worker processes; 1 to 256
  std::optional<Batch> batch = {};
  /// 2: each of its calls takes half of the time, as on a faster machine; 0.001 to 1000.
  std::optional<double> speed = {};
  std::optional<double> rate = {};  // samples per second of a source
};

/// A value that is predicted: it will be from `low` to `high`, most likely about `middle`.
struct Range {
  double low = 0;
  double middle = 0;
  double high = 0;
};

/// The effect at one reader or sink.
struct Outcome {
  std::string consumer;
  bool is_reader = false;              // its ages are those at which samples reach it, whenever it takes them
  double rate_now = 0;                 // samples per second
  double age_mean_now = 0;             // seconds
  std::optional<Range> rate = {};      // samples per second
  std::optional<Range> age_mean = {};  // the age in seconds, like the next two
  std::optional<Range> age_p50 = {};
  std::optional<Range> age_p99 = {};
  std::string reason = {};  // why its ages are not known; empty means they are
};

/// The answer of what_if().
struct WhatIf {
  std::string node;
  std::string change;                  // "queue=NEXT, workers=2"
  std::string reason = {};             // why nothing is known; empty means something is
  std::vector<Outcome> outcomes = {};  // for each reader and sink below the node; empty if nothing is known
  std::size_t calls = 0;               // the fewest recorded calls of a node that it is made of
  double duration = 0;                 // seconds that the records span

  [[nodiscard]] bool is_known() const noexcept { return reason.empty(); }
};

class Pipeline;

/// The effect of a change of one node on the age and the rate of the samples that readers and sinks get. The engine's
/// own queues are run on the recorded times of the last minute. Nothing is predicted that they do not show: then the
/// answer has the reason. Takes some ten milliseconds of the calling thread. Any thread. Throws OptionError for a
/// change that the node cannot have, GraphError for a name that no node has.
[[nodiscard]] WhatIf what_if(const Pipeline& pipeline, const std::string& node, const NodeChange& change);
/// Answers a question as text: "detect: queue=NEXT, workers=2".
[[nodiscard]] WhatIf what_if(const Pipeline& pipeline, std::string_view question);

/// A question that was asked as text. Queues are LATEST, NEXT, LOSSLESS, RECORDING, Queue(8) or Queue(8, drop_newest);
/// a batch is 4, or Batch(4, 0.1). Throws OptionError.
struct Question {
  std::string node;
  NodeChange change;

  [[nodiscard]] static Question parse(std::string_view text);
};

[[nodiscard]] std::string to_string(const NodeChange& change);
/// In lines.
[[nodiscard]] std::string to_string(const WhatIf& answer);

}  // namespace freshframe
