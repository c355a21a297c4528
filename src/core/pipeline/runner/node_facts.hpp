// Properties that are fixed when a node is added, and which a replacement must share.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/node.hpp"
#include "freshframe/pipeline.hpp"

#include <optional>
#include <string>
#include <utility>

namespace freshframe::core {

/// Constant, so thread-safe. A successor with other properties is rejected, see Admission::check_successor().
struct NodeFacts {
  NodeFacts(int node_index, std::string node_name, const NodeBase& node, const AddOptions& options)
      : NodeFacts(node_index, std::move(node_name), node.is_source(), node.contract(), options) {}

  NodeFacts(int node_index, std::string node_name, bool given_as_source, const NodeContract& contract,
            const AddOptions& options)
      : index(node_index),
        name(std::move(node_name)),
        stream_name(options.as_source.empty() ? name : options.as_source),
        on_error(options.on_error),
        batch(options.batch),
        is_source(given_as_source),
        is_recorder(contract.is_recorder()),
        runs_outside(contract.runs_outside),
        gives_several(contract.gives_several),
        finishes(contract.finishes),
        tick_every(contract.tick_every) {}

  /// Returns true if the node also produces samples by itself, on ticks or at its end.
  [[nodiscard]] bool has_own_stream() const noexcept { return tick_every || finishes; }
  [[nodiscard]] bool stops_on_error() const noexcept { return on_error != OnError::Skip; }
  [[nodiscard]] bool removes_itself() const noexcept { return on_error == OnError::Remove; }

  const int index;
  const std::string name;
  /// Name of the stream that starts here, if there is one (AddOptions::as_source).
  const std::string stream_name;
  const OnError on_error;
  /// The batch when the node was added; max_wait may have changed since.
  const std::optional<Batch> batch;
  const bool is_source;
  const bool is_recorder;
  /// An embedder's thread calls the runner's steps.
  const bool runs_outside;
  const bool gives_several;
  const bool finishes;
  const std::optional<Seconds> tick_every;
};

}  // namespace freshframe::core
