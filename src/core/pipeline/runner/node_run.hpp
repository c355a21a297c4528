// A node at work, with what is its own: its stop and its counters.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/node.hpp"
#include "freshframe/stats.hpp"

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>

namespace freshframe::core {

/// Another node may take its place, and it may leave the graph before its program lets go of it, so everything
/// that its context refers to lives here.
class NodeRun {
 public:
  /// `until` also stops it.
  NodeRun(std::unique_ptr<NodeBase> given_node, std::string node_name,
          std::shared_ptr<const Clock> node_clock, const std::stop_token& until)
      : node_(std::move(given_node)),
        name_(std::move(node_name)),
        clock_(std::move(node_clock)),
        context_{stop_.get_token(), *clock_, counters_, name_},
        chained_(until, [this] { stop_.request_stop(); }) {}
  NodeRun(const NodeRun&) = delete;
  NodeRun& operator=(const NodeRun&) = delete;
  ~NodeRun() = default;

  [[nodiscard]] NodeBase& node() const noexcept { return *node_; }
  /// Returns null if the node is no source.
  [[nodiscard]] SourceBase* source() const noexcept {
    return node_->is_source() ? static_cast<SourceBase*>(node_.get()) : nullptr;
  }
  [[nodiscard]] NodeCounters& counters() noexcept { return counters_; }
  [[nodiscard]] const NodeCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] const Context& context() const noexcept { return context_; }
  void request_stop() { stop_.request_stop(); }
  /// Opens the node, and sets the state of a source. Throws what its open() throws. False means its stop
  /// ended that.
  bool open();
  [[nodiscard]] bool stop_requested() const noexcept { return stop_.stop_requested(); }

 private:
  const std::unique_ptr<NodeBase> node_;
  const std::string name_;
  const std::shared_ptr<const Clock> clock_;
  NodeCounters counters_;
  std::stop_source stop_;
  // Made once: copying a stop token writes to memory that all threads share.
  const Context context_;
  const std::stop_callback<std::function<void()>> chained_;  // last: it may fire at once
};

/// The node, which keeps its run.
[[nodiscard]] inline std::shared_ptr<NodeBase> share_node(const std::shared_ptr<NodeRun>& run) {
  return {run, &run->node()};
}

}  // namespace freshframe::core
