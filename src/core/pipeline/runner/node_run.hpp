// A node together with its stop and its counters.
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

/// Everything that the node's context refers to lives here, because the node may be replaced or removed while
/// the program still uses it.
class NodeRun {
 public:
  /// A stop requested through `until` stops the node, too.
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
  /// Returns null if the node is not a source.
  [[nodiscard]] SourceBase* source() const noexcept {
    return node_->is_source() ? static_cast<SourceBase*>(node_.get()) : nullptr;
  }
  [[nodiscard]] NodeCounters& counters() noexcept { return counters_; }
  [[nodiscard]] const NodeCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] const Context& context() const noexcept { return context_; }
  void request_stop() { stop_.request_stop(); }
  /// Opens the node, and sets a source's state. Throws what the node's open() throws. Returns false if it was
  /// interrupted by a stop.
  bool open();
  [[nodiscard]] bool stop_requested() const noexcept { return stop_.stop_requested(); }

 private:
  const std::unique_ptr<NodeBase> node_;
  const std::string name_;
  const std::shared_ptr<const Clock> clock_;
  NodeCounters counters_;
  std::stop_source stop_;
  // Created once: copying a stop token writes to memory that all threads share.
  const Context context_;
  // Declared last, because the callback may be called immediately.
  const std::stop_callback<std::function<void()>> chained_;
};

/// Returns the node as a pointer that keeps the whole run alive.
[[nodiscard]] inline std::shared_ptr<NodeBase> share_node(const std::shared_ptr<NodeRun>& run) {
  return {run, &run->node()};
}

}  // namespace freshframe::core
