// The edges out of a node, which may change while it runs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/edge/inbox.hpp"
#include "core/pipeline/runner/type_list.hpp"

namespace freshframe::core {

/// An edge out of a node. Keeps the inbox alive, since the node may be inside it when the consumer is gone.
struct OutputEdge {
  std::shared_ptr<Inbox> inbox;
  EdgeRef edge;
  int source = -1;  // the only source whose samples are sent; -1: all
};

/// The input types that a child declares, if its parent has no output type, and the child's name. Empty if
/// there is no such child.
struct Demand {
  std::vector<const TypeInfo*> types;
  std::string child;

  [[nodiscard]] bool allows(const TypeInfo* type) const noexcept { return takes(types, type); }
};

/// Note [Changes of outputs]
///
/// A list of edges is immutable: a change creates a new one and increments the version. Before each sample,
/// the node's thread checks the version with a single load, and fetches the new list if it has changed. So a
/// new edge gets the samples from the next one on. To remove an edge, nothing waits for the node, which may
/// be blocked on another edge: the edge itself is marked (Inbox::remove_edge()) and accepts nothing more.
class Outputs {
 public:
  static constexpr std::ptrdiff_t kMostLeft = 1024;
  struct List {
    std::vector<OutputEdge> edges;
    Demand demand;  // the demand of the child that was added last
    std::shared_ptr<const std::vector<int>> sources = std::make_shared<const std::vector<int>>();
    std::vector<int> left = {};       // recently removed sources, whose stamps results may still have
    std::map<int, Change> gone = {};  // sources whose end was sent on, and up to which change it applies
    bool ended = false;               // whether the node has sent its last sample
  };

  // ---- thread-safe

  /// Adds an edge. It ends immediately if the node or the edge's only source has already ended.
  void add(const OutputEdge& edge, Demand demand) {
    bool ended = false;
    std::optional<Change> upto;
    change([&](List& list) {
      list.edges.push_back(edge);
      if (!demand.types.empty()) list.demand = std::move(demand);
      ended = list.ended;
      const auto gone = list.gone.find(edge.source);
      if (gone != list.gone.end()) upto = gone->second;
    });
    if (ended) {
      edge.inbox->end_edge(*edge.edge);
    } else if (upto) {
      edge.inbox->end_edge(*edge.edge, edge.source, *upto);
    }
  }
  /// Call when a Python node has replaced the node and its children declare input types.
  void want(Demand demand) {
    change([&](List& list) { list.demand = std::move(demand); });
  }
  /// Sets the sources whose samples the node sends, ascending.
  void set_sources(std::shared_ptr<const std::vector<int>> sources) {
    change([&](List& list) {
      list.left.insert(list.left.end(), list.sources->begin(), list.sources->end());
      list.sources = std::move(sources);
      const auto comes = [&](int source) { return std::ranges::binary_search(*list.sources, source); };
      std::erase_if(list.left, comes);
      if (std::ssize(list.left) > kMostLeft) list.left.erase(list.left.begin(), list.left.end() - kMostLeft);
      std::erase_if(list.gone, [&](const auto& each) { return !comes(each.first); });
    });
  }
  /// Ends a source, unless a later change starts its stream again.
  void end_edges(const GoneSource& gone) {
    change([&](List& list) { list.gone[gone.source] = gone.upto; });
  }
  /// Call when the node sends nothing more. The caller must end the returned edges.
  [[nodiscard]] std::shared_ptr<const List> end_edges() {
    change([](List& list) { list.ended = true; });
    return newest();
  }
  void remove(const EdgeRef& edge) {
    change(
        [&](List& list) { std::erase_if(list.edges, [&](const auto& each) { return each.edge == edge; }); });
  }
  [[nodiscard]] std::shared_ptr<const List> newest() const {
    const Lock lock(mutex_);
    return newest_;
  }

  // ---- for the node's thread, or for threads that send in turn
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
  std::atomic<std::uint32_t> version_{0};  // written with the mutex held, read without it
  std::uint32_t seen_ = 0;                 // only used on the node's thread, as is the next member
  std::shared_ptr<const List> mine_ = std::make_shared<const List>();
};

}  // namespace freshframe::core
