// The names of a pipeline's nodes, by number. Numbers are never reused, and names are kept because samples
// may refer to them. Each node that is added under an existing name takes eight bytes.
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

/// Thread-safe. A returned reference is valid for the life of the table.
class NameTable {
 public:
  /// `number` is at least 0; adding a number again replaces its name. `stream` names the stream that starts
  /// at the node. `camera` names the source whose companion the node is; default: the node itself.
  void add(int number, std::string node, std::string stream, std::string camera = {}) {
    const Lock lock(mutex_);
    const auto place = static_cast<std::size_t>(number);
    if (place >= by_number_.size()) by_number_.resize(place + 1, &unknown_);
    if (camera.empty()) camera = node;
    by_number_[place] = &*names_.insert({std::move(node), std::move(stream), std::move(camera)}).first;
  }
  /// Returns an empty name if the node does not exist.
  [[nodiscard]] const std::string& find_name(int number) const { return at(number).node; }
  /// Returns the name of the stream that starts at the node.
  [[nodiscard]] const std::string& find_stream(int number) const { return at(number).stream; }
  /// Returns the name of the source whose companion the node is, or the node's own name.
  [[nodiscard]] const std::string& find_camera(int number) const { return at(number).camera; }
  /// Returns the names of the nodes, by number.
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

  const Names unknown_{};  // with braces, because clang 14 requires an initializer for constants
  mutable Mutex mutex_;
  std::set<Names> names_ FRESHFRAME_GUARDED_BY(mutex_);
  std::vector<const Names*> by_number_ FRESHFRAME_GUARDED_BY(mutex_);
};

}  // namespace freshframe::core
