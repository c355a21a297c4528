// The engine of Python's class Pipeline.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "bindings/border/errors.hpp"
#include "bindings/border/fork_guard.hpp"
#include "bindings/engine/node_names.hpp"
#include "core/pipeline/pipeline_core.hpp"

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// Ends the current wait_log() call of each thread, or its next one.
void wake_log();

/// Kills the worker processes of a node that still run at `time`. Does nothing for a node without them.
void kill_workers_by(NodeBase& node, TimePoint time);

/// The data that an optional layer, such as the dashboard's server, keeps in an engine.
class Attachment {
 public:
  Attachment() = default;
  Attachment(const Attachment&) = delete;
  Attachment& operator=(const Attachment&) = delete;
  virtual ~Attachment() = default;
  /// Called in a forked child, where its threads do not exist: from now on it must not join any.
  virtual void forget_in_child() noexcept = 0;
};

/// Owns a PipelineCore. The destructor never joins: a pipeline that has not ended by then is left alone
/// (its Python class keeps running ones alive, so that happens only when the process ends).
class Engine {
 public:
  explicit Engine(Pipeline::Options options)
      : core_(std::make_shared<core::PipelineCore>(std::move(options))), names_(core_->names()) {
    core_->set_failure_hook([] { wake_log(); });
  }
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();

  /// The core; throws StateError in a forked child.
  [[nodiscard]] core::PipelineCore& core() const {
    guard_.check("this pipeline");
    return *core_;
  }
  [[nodiscard]] const NodeNames& names() const noexcept { return names_; }
  [[nodiscard]] bool has_forked() const noexcept { return guard_.has_forked(); }
  /// For objects that must outlive this one.
  [[nodiscard]] const std::shared_ptr<core::PipelineCore>& shared_core() const noexcept { return core_; }
  /// Records that the calling thread is about to start threads of nodes.
  void note_launcher() noexcept { launcher_.store(std::this_thread::get_id(), std::memory_order_relaxed); }
  /// Stores the exception that ended the pipeline, unless there is one already. Call with the GIL held, on
  /// any thread.
  void keep_failure(SharedError error) {
    const std::lock_guard lock(failure_mutex_);
    if (!failure_) failure_ = std::move(error);
  }

  /// The dashboard's server and metrics; null means neither has been requested.
  [[nodiscard]] std::unique_ptr<Attachment>& get_served() noexcept { return served_; }

  [[nodiscard]] bool launched_by_this_thread() const noexcept {
    return launcher_.load(std::memory_order_relaxed) == std::this_thread::get_id();
  }

  static int traverse(gil::Held& held, PyObject* self, visitproc visit, void* arg);
  static int clear(gil::Held& held, PyObject* self);

 private:
  std::shared_ptr<core::PipelineCore> core_;
  NodeNames names_;
  std::unique_ptr<Attachment> served_;
  // The garbage collector reads it without the mutex: all threads that could change it are stopped then.
  std::mutex failure_mutex_;
  SharedError failure_;  // guarded by failure_mutex_
  std::atomic<std::thread::id> launcher_{};
  ForkGuard guard_;
};

/// Ports as Python passes them: the number of the node, and of the only source to connect, or -1 for all
/// sources.
using Parents = std::vector<std::pair<int, int>>;
[[nodiscard]] std::vector<AnyPort> any_ports(const Parents& parents);

/// Engine.why().
PyObject* engine_why(gil::Held& held, PyObject* self, PyObject* no_arguments);

/// Drops the callback of Engine.call_at_end().
void forget_end_callback();

}  // namespace freshframe::python
