// The names of a pipeline's nodes, by number. Numbers are never used again, and names are kept: samples may have them.
// Nodes that come and go under one name take eight bytes each.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"

#include <compare>
#include <cstddef>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace freshframe::core {

/// Thread-safe. A reference to a name is valid as long as the table.
class NameTable {
 public:
  /// `number`: 0 or more; a second name of a number takes the first one's place. `stream`: of the stream that begins at
  /// the node. `camera`: of the source whose second output the node is; by default the node itself.
  void add(int number, std::string node, std::string stream, std::string camera = {}) {
    const Lock lock(mutex_);
    const auto place = static_cast<std::size_t>(number);
    if (place >= by_number_.size()) by_number_.resize(place + 1, &unknown_);
    if (camera.empty()) camera = node;
    by_number_[place] = &*names_.insert({std::move(node), std::move(stream), std::move(camera)}).first;
  }
  /// Returns an empty name if there is no such node.
  [[nodiscard]] const std::string& find_name(int number) const { return at(number).node; }
  /// The name of the stream that begins there.
  [[nodiscard]] const std::string& find_stream(int number) const { return at(number).stream; }
  /// The name of the source whose second output the node is, or the node's own.
  [[nodiscard]] const std::string& find_camera(int number) const { return at(number).camera; }
  /// The nodes' names by number.
  [[nodiscard]] std::vector<std::string> all() const {
    const Lock lock(mutex_);
    std::vector<std::string> nodes;
    nodes.reserve(by_number_.size());
    for (const auto* each : by_number_) nodes.push_back(each->node);
    return nodes;
  }

 private:
  struct Names {
    std::string node;
    std::string stream;
    std::string camera;

    auto operator<=>(const Names&) const = default;
  };

  [[nodiscard]] const Names& at(int number) const {
    const Lock lock(mutex_);
    const auto place = static_cast<std::size_t>(number);
    return number >= 0 && place < by_number_.size() ? *by_number_[place] : unknown_;
  }

  const Names unknown_{};  // with braces: clang 14 wants a constant to be initialised
  mutable Mutex mutex_;
  std::set<Names> names_ FRESHFRAME_GUARDED_BY(mutex_);
  std::vector<const Names*> by_number_ FRESHFRAME_GUARDED_BY(mutex_);
};

}  // namespace freshframe::core
