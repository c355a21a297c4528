// The outputs of a node, which change while it runs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/edge/inbox.hpp"
#include "core/pipeline/type_list.hpp"

namespace freshframe::core {

/// One edge out of a node. It keeps the inbox: the node may be inside it when the consumer is gone.
struct OutputEdge {
  std::shared_ptr<Inbox> inbox;
  EdgeRef edge;
  int source = -1;  // the only one whose samples go there; -1: all do
};

/// A child that takes certain types while its parent has no output type, and the types; none: no such child.
struct Demand {
  std::vector<const TypeInfo*> types;
  std::string child;

  [[nodiscard]] bool allows(const TypeInfo* type) const noexcept { return takes(types, type); }
};

/// Note [Changes of outputs]
/// A list of edges is never changed: a change makes a new one and raises the version. The node's thread looks
/// at the version before each sample, one load, and fetches the newest list after a change. So a new edge gets
/// the samples from the next one on. An edge that goes does not wait for the node to come there, which may wait
/// for room on another edge: the edge itself is marked (Inbox::remove_edge()), and takes nothing more.
class Outputs {
 public:
  struct List {
    std::vector<OutputEdge> edges;
    Demand demand;  // of the child that was added last
    std::shared_ptr<const std::vector<int>> sources = std::make_shared<const std::vector<int>>();
  };

  // ---- any thread
  void add(OutputEdge edge, Demand demand) {
    change([&](List& list) {
      list.edges.push_back(std::move(edge));
      if (!demand.types.empty()) list.demand = std::move(demand);
    });
  }
  /// The sources whose samples the node sends, in ascending order.
  void set_sources(std::shared_ptr<const std::vector<int>> sources) {
    change([&](List& list) { list.sources = std::move(sources); });
  }
  void remove(const EdgeRef& edge) {
    change(
        [&](List& list) { std::erase_if(list.edges, [&](const auto& each) { return each.edge == edge; }); });
  }
  [[nodiscard]] std::shared_ptr<const List> newest() const {
    const Lock lock(mutex_);
    return newest_;
  }

  // ---- the node's thread, or those that emit in turn
  [[nodiscard]] const List& list() {
    if (version_.load(std::memory_order_relaxed) != seen_) fetch();
    return *mine_;
  }

 private:
  template <class By>
  void change(const By& by) {
    std::shared_ptr<const List> old;  // may be the last reference to an inbox: destroyed without the mutex
    const Lock lock(mutex_);
    auto next = std::make_shared<List>(*newest_);
    by(*next);
    old = std::exchange(newest_, std::move(next));
    version_.fetch_add(1, std::memory_order_relaxed);
  }
  void fetch() {
    std::shared_ptr<const List> old;
    const Lock lock(mutex_);
    seen_ = version_.load(std::memory_order_relaxed);
    old = std::exchange(mine_, newest_);
  }

  mutable Mutex mutex_;
  std::shared_ptr<const List> newest_ FRESHFRAME_GUARDED_BY(mutex_) = std::make_shared<const List>();
  std::atomic<std::uint32_t> version_{0};  // written with the mutex, read without it
  std::uint32_t seen_ = 0;                 // the node's thread, as the next
  std::shared_ptr<const List> mine_ = std::make_shared<const List>();
};

}  // namespace freshframe::core
