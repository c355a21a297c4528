// The names of a pipeline's nodes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace freshframe::python {

/// The names of one node.
struct NodeName {
  std::string node;
  std::string stream;  // that begins there
};

/// By index; fixed when the pipeline starts, so its samples share them.
using NodeNames = std::shared_ptr<const std::vector<NodeName>>;

}  // namespace freshframe::python
