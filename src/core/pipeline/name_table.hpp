// The names of a pipeline's nodes, by number. Numbers are never used again, so names are only added.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"

#include <cstddef>
#include <deque>
#include <string>
#include <utility>
#include <vector>

namespace freshframe::core {

/// Thread-safe. A name keeps its place, so a reference to it is valid as long as the table.
class NameTable {
 public:
  /// The number of the next node.
  [[nodiscard]] int size() const {
    const Lock lock(mutex_);
    return static_cast<int>(names_.size());
  }
  /// `stream`: of the stream that begins at the node.
  void add(std::string node, std::string stream) {
    const Lock lock(mutex_);
    names_.push_back({std::move(node), std::move(stream)});
  }
  /// Empty: there is no such node.
  [[nodiscard]] const std::string& of(int number) const { return at(number).node; }
  /// The name of the stream that begins there.
  [[nodiscard]] const std::string& stream_of(int number) const { return at(number).stream; }
  /// The nodes' names by number.
  [[nodiscard]] std::vector<std::string> all() const {
    const Lock lock(mutex_);
    std::vector<std::string> nodes;
    for (const auto& each : names_) nodes.push_back(each.node);
    return nodes;
  }

 private:
  struct Names {
    std::string node;
    std::string stream;
  };

  [[nodiscard]] const Names& at(int number) const {
    const Lock lock(mutex_);
    return number >= 0 && static_cast<std::size_t>(number) < names_.size()
               ? names_[static_cast<std::size_t>(number)]
               : unknown_;
  }

  const Names unknown_;
  mutable Mutex mutex_;
  std::deque<Names> names_ FRESHFRAME_GUARDED_BY(mutex_);
};

}  // namespace freshframe::core
