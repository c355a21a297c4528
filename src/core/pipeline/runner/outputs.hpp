// The outputs of a node, which change while it runs.
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

/// One edge out of a node. It keeps the inbox: the node may be inside it when the consumer is gone.
struct OutputEdge {
  std::shared_ptr<Inbox> inbox;
  EdgeRef edge;
  int source = -1;  // the only one whose samples go there; -1 if all do
};

/// A child that takes certain types while its parent has no output type, and the types; none means no such
/// child.
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
  static constexpr std::ptrdiff_t kMostLeft = 1024;
  struct List {
    std::vector<OutputEdge> edges;
    Demand demand;  // demand of the child that was added last
    std::shared_ptr<const std::vector<int>> sources = std::make_shared<const std::vector<int>>();
    std::vector<int> left = {};       // the latest sources that went: results may still have their stamps
    std::map<int, Change> gone = {};  // sources whose end was passed on, and the change up to which it holds
    bool ended = false;               // the node sends nothing more
  };

  // ---- any thread
  /// An edge that nothing more can pass, since the node or the edge's only source has ended, ends at once.
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
  /// The node has become a node in Python, above children that take certain types.
  void want(Demand demand) {
    change([&](List& list) { list.demand = std::move(demand); });
  }
  /// The sources whose samples the node sends, in ascending order.
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
  /// A source gives nothing more, unless a later change begins its stream again.
  void end_edges(const GoneSource& gone) {
    change([&](List& list) { list.gone[gone.source] = gone.upto; });
  }
  /// The node sends nothing more. The edges that it has had so far are the caller's to end.
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

  // ---- the node's thread, or the threads that emit in turn
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
  std::uint32_t seen_ = 0;                 // the node's thread, like the next
  std::shared_ptr<const List> mine_ = std::make_shared<const List>();
};

}  // namespace freshframe::core
