// The place of a node: the node that has it now, and the node that is to take it. See Note [Replacing a node].
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"
#include "freshframe/node.hpp"

#include <atomic>
#include <memory>
#include <utility>

#include "core/pipeline/runner/node_run.hpp"
#include "core/pipeline/runner/successor.hpp"

namespace freshframe::core {

/// The messages about replacements between a runner and a thread of the embedder; the runner's thread, except for the
/// first.
struct Hosting {
  std::atomic<bool> on_native_thread;        // any thread may ask
  std::shared_ptr<NodeBase> left_over = {};  // node of the last replacement, if the runner's thread closes it
  std::shared_ptr<Successor> handed_over = {};  // it has the place, and a thread of the embedder goes on
};

class NodePlace {
 public:
  explicit NodePlace(std::shared_ptr<NodeRun> run)
      : run_(std::move(run)),
        own_(run_.get()),
        node_(&own_->node()),
        source_(own_->source()),
        hosting_{!node_->contract().runs_outside} {}
  NodePlace(const NodePlace&) = delete;
  NodePlace& operator=(const NodePlace&) = delete;

  // ---- any thread
  /// The node that has the place now, which is kept even when another one takes the place.
  [[nodiscard]] std::shared_ptr<const NodeRun> run() const;
  [[nodiscard]] std::shared_ptr<NodeBase> node() const;
  /// The node as a source; null if it is not one.
  [[nodiscard]] std::shared_ptr<const SourceBase> source() const;
  /// False means another replacement is under way.
  bool begin_replacement() noexcept { return !replacing_.exchange(true); }
  void end_replacement() noexcept { replacing_ = false; }
  [[nodiscard]] bool is_replacing() const noexcept { return replacing_; }
  /// Lets the successor take the place after the present call. Returns the node that is there, or null if no
  /// other one takes its place any more.
  std::shared_ptr<NodeRun> offer(const std::shared_ptr<Successor>& successor);
  /// Returns false if the successor has taken the place, or is about to. A source is: the source that is there has
  /// been stopped.
  [[nodiscard]] bool withdraw(const Successor& successor);

  // ---- the runner's thread
  /// The node that has the place; valid until put().
  [[nodiscard]] NodeBase& own_node() const noexcept { return *node_; }
  /// The same as a source; null if it is not one.
  [[nodiscard]] SourceBase* own_source() const noexcept { return source_; }
  [[nodiscard]] NodeRun& own_run() const noexcept { return *own_; }
  [[nodiscard]] const Context& context() const noexcept { return own_->context(); }
  [[nodiscard]] NodeCounters& counters() const noexcept { return own_->counters(); }
  [[nodiscard]] bool has_successor() const noexcept { return has_successor_.load(std::memory_order_acquire); }
  [[nodiscard]] Hosting& hosting() noexcept { return hosting_; }
  /// Returns null if it was withdrawn.
  std::shared_ptr<Successor> take_successor();
  /// No other node takes the place any more. Returns the successor that waits for it, or null.
  std::shared_ptr<Successor> close();
  /// Call it with the graph's lock. Returns the node that was there.
  std::shared_ptr<NodeRun> put(std::shared_ptr<NodeRun> next);

 private:
  mutable Mutex run_mutex_;
  // Changed on the runner's thread, with the graph's lock: a thread that has that one may use the node without
  // keeping it.
  std::shared_ptr<NodeRun> run_ FRESHFRAME_GUARDED_BY(run_mutex_);
  NodeRun* own_;  // the same, of the runner's thread, like the next two
  NodeBase* node_;
  SourceBase* source_;
  Hosting hosting_;
  std::atomic<bool> replacing_{false};
  std::atomic<bool> has_successor_{false};
  mutable Mutex successor_mutex_;
  std::shared_ptr<Successor> successor_ FRESHFRAME_GUARDED_BY(successor_mutex_);
  bool takes_no_successor_ FRESHFRAME_GUARDED_BY(successor_mutex_) = false;
};

}  // namespace freshframe::core
