// The current node of a runner, and the node that is to replace it. See Note [Replacing a node].
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

/// State shared by a runner and the embedder's thread during a replacement. Only for the runner's thread,
/// except the first member.
struct Hosting {
  std::atomic<bool> on_native_thread;           // read by any thread
  std::shared_ptr<NodeBase> left_over = {};     // a node that the runner's thread must close
  std::shared_ptr<Successor> handed_over = {};  // already in place; a thread of the embedder continues
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

  // ---- thread-safe

  /// Returns the current node, and keeps it alive even if it is replaced.
  [[nodiscard]] std::shared_ptr<const NodeRun> run() const;
  [[nodiscard]] std::shared_ptr<NodeBase> node() const;
  /// Returns the node as a source, or null if it is not one.
  [[nodiscard]] std::shared_ptr<const SourceBase> source() const;
  /// Returns false if another replacement is in progress.
  bool begin_replacement() noexcept { return !replacing_.exchange(true); }
  void end_replacement() noexcept { replacing_ = false; }
  [[nodiscard]] bool is_replacing() const noexcept { return replacing_; }
  /// Lets the successor replace the node after the current call. Returns the current node, or null if it can
  /// no longer be replaced.
  std::shared_ptr<NodeRun> offer(const std::shared_ptr<Successor>& successor);
  /// Withdraws an offered successor. Returns false if it is in place or certain to be. For a source always
  /// returns false, because the current source has already been stopped.
  [[nodiscard]] bool withdraw(const Successor& successor);

  // ---- the runner's thread

  /// Returns the current node; valid until put().
  [[nodiscard]] NodeBase& own_node() const noexcept { return *node_; }
  /// Returns the current node as a source, or null if it is not one.
  [[nodiscard]] SourceBase* own_source() const noexcept { return source_; }
  [[nodiscard]] NodeRun& own_run() const noexcept { return *own_; }
  [[nodiscard]] const Context& context() const noexcept { return own_->context(); }
  [[nodiscard]] NodeCounters& counters() const noexcept { return own_->counters(); }
  [[nodiscard]] bool has_successor() const noexcept { return has_successor_.load(std::memory_order_acquire); }
  [[nodiscard]] Hosting& hosting() noexcept { return hosting_; }
  /// Returns null if the successor was withdrawn.
  std::shared_ptr<Successor> take_successor();
  /// Refuses further replacements. Returns the successor that is still waiting, or null.
  std::shared_ptr<Successor> close();
  /// Call with the graph's lock. Returns the replaced node.
  std::shared_ptr<NodeRun> put(std::shared_ptr<NodeRun> next);

 private:
  mutable Mutex run_mutex_;
  // Changed on the runner's thread, under the graph's lock: with that lock, any thread may use the node
  // without keeping it alive.
  std::shared_ptr<NodeRun> run_ FRESHFRAME_GUARDED_BY(run_mutex_);
  NodeRun* own_;  // raw pointer to the current run, for the runner's thread, as are the next two
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
