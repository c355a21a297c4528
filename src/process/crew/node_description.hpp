// Describes a node whose code is not run by the engine itself.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/node.hpp"

#include <optional>
#include <string>

namespace freshframe::process {

struct NodeDescription {
  std::string name;
  const TypeInfo* input = nullptr;
  const TypeInfo* output = nullptr;
  std::optional<std::string> records_to = {};
  bool gives_several = false;
  std::optional<Seconds> tick_every = {};
  bool finishes = false;
  bool gives_last_of_source = false;
  bool gives_packets = false;
};

/// The contract of the node, wherever it runs.
[[nodiscard]] inline NodeContract make_contract(const NodeDescription& node) {
  return {.gives_several = node.gives_several,
          .gives_packets = node.gives_packets,
          .tick_every = node.tick_every,
          .finishes = node.finishes,
          .gives_last_of_source = node.gives_last_of_source,
          .records_to = node.records_to};
}

}  // namespace freshframe::process
