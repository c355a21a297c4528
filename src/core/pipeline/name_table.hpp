// The names of a pipeline's nodes, by number. Numbers are never used again, and names are kept: samples may have them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"

#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace freshframe::core {

/// Thread-safe. A reference to a name is valid as long as the table.
class NameTable {
 public:
  /// `stream`: of the stream that begins at the node.
  void add(int number, std::string node, std::string stream) {
    const Lock lock(mutex_);
    names_.try_emplace(number, Names{std::move(node), std::move(stream)});
  }
  /// Returns an empty name if there is no such node.
  [[nodiscard]] const std::string& of(int number) const { return at(number).node; }
  /// The name of the stream that begins there.
  [[nodiscard]] const std::string& stream_of(int number) const { return at(number).stream; }
  /// The nodes' names by number, if all are known.
  [[nodiscard]] std::vector<std::string> all() const {
    const Lock lock(mutex_);
    std::vector<std::string> nodes(names_.size());
    for (const auto& [number, each] : names_) nodes.at(static_cast<std::size_t>(number)) = each.node;
    return nodes;
  }

 private:
  struct Names {
    std::string node;
    std::string stream;
  };

  [[nodiscard]] const Names& at(int number) const {
    const Lock lock(mutex_);
    const auto found = names_.find(number);
    return found != names_.end() ? found->second : unknown_;
  }

  const Names unknown_{};  // with braces: clang 14 wants a constant to be initialised
  mutable Mutex mutex_;
  std::unordered_map<int, Names> names_ FRESHFRAME_GUARDED_BY(mutex_);
};

}  // namespace freshframe::core
