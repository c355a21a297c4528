// The engine behind Python's class Pipeline.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include "freshframe/metrics.hpp"
#include "freshframe/serve.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bindings/errors.hpp"
#include "bindings/fork_guard.hpp"
#include "bindings/sample.hpp"
#include "core/pipeline/pipeline_core.hpp"

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// A native node before it is added; add() takes it out, once.
struct NodeHandle {
  std::unique_ptr<NodeBase> node;
  NodeBase* added = nullptr;                  // the node in the graph, for its properties
  std::shared_ptr<core::PipelineCore> owner;  // keeps it
  ForkGuard guard = {};

  [[nodiscard]] NodeBase& get() const { return node ? *node : *added; }
};

/// Owns a PipelineCore. Its destructor never joins: a pipeline that has not ended by then is left behind
/// (its Python class keeps running ones alive, so that happens only when the process ends).
class Engine {
 public:
  explicit Engine(Pipeline::Options options)
      : core_(std::make_shared<core::PipelineCore>(std::move(options))),
        names_(std::make_shared<NodeNames>()) {}
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();

  /// The core; throws StateError in a forked child.
  [[nodiscard]] core::PipelineCore& core() const {
    guard_.check("this pipeline");
    return *core_;
  }
  [[nodiscard]] const std::shared_ptr<NodeNames>& names() const noexcept { return names_; }
  [[nodiscard]] bool forked() const noexcept { return guard_.forked(); }
  /// For objects that must outlive this one.
  [[nodiscard]] const std::shared_ptr<core::PipelineCore>& shared_core() const noexcept { return core_; }
  /// Once, before the first node opens: records the nodes' names and the calling thread.
  void prepare_start();
  /// The exception that ended the pipeline; the first one stays. For any thread with the GIL.
  void keep_failure(SharedError error) {
    const std::lock_guard lock(failure_mutex_);
    if (!failure_) failure_ = std::move(error);
  }

  /// The dashboard's server; null: none.
  [[nodiscard]] std::unique_ptr<Server>& server() noexcept { return server_; }
  /// For programs that serve the metrics themselves; null: not requested yet.
  [[nodiscard]] std::unique_ptr<Metrics>& metrics() noexcept { return metrics_; }

  [[nodiscard]] bool launched_by_this_thread() const noexcept {
    return launcher_.load(std::memory_order_relaxed) == std::this_thread::get_id();
  }
  /// True once for each node: for its own thread, or for claim_threadless().
  bool begin(int index);
  /// The Python nodes whose threads have not started: a stop ends them, and their threads then do nothing.
  std::vector<core::Worker*> claim_threadless();

  static int traverse(gil::Held& held, PyObject* self, visitproc visit, void* arg);
  static int clear(gil::Held& held, PyObject* self);

 private:
  std::shared_ptr<core::PipelineCore> core_;
  std::shared_ptr<NodeNames> names_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<Metrics> metrics_;
  // The garbage collector reads it without the mutex: all threads that could change it are stopped then.
  std::mutex failure_mutex_;
  SharedError failure_;  // guarded by failure_mutex_
  std::atomic<std::thread::id> launcher_{};
  std::mutex begun_mutex_;
  std::set<int> begun_;  // guarded by begun_mutex_
  ForkGuard guard_;
};

/// Ports as Python gives them: the numbers of the node and of the only source, -1 for all.
using Parents = std::vector<std::pair<int, int>>;
[[nodiscard]] std::vector<AnyPort> any_ports(const Parents& parents);

void bind_engine(nanobind::module_& module);
/// Drops the callback of Engine.call_at_end().
void forget_end_callback();
/// serve() and its end, and the connection to the GIL watch.
void bind_serve(nanobind::module_& module, nanobind::class_<Engine>& engine);
/// Stats and Report as plain tuples for the Python dataclasses.
void bind_engine_stats(nanobind::class_<Engine>& engine);
/// Factories of native nodes, and functions of media and vision.
void bind_nodes(nanobind::module_& module);
/// Trackers of boxes, counters, Annotate.
void bind_track_nodes(nanobind::module_& module);
/// Native nodes of users.
void bind_user_nodes(nanobind::module_& module);
void bind_frame(nanobind::module_& module);
/// The form for notebooks.
void bind_frame_display(nanobind::class_<Frame>& frame);
void bind_log(nanobind::module_& module);
void bind_pages(nanobind::module_& module);
/// A record of a worker process on its way to the logger of that name; `level` is Python's number.
void log_record(int level, const std::string& logger, const std::string& text);
/// Adding and running nodes in worker processes.
void bind_processes(nanobind::module_& module, nanobind::class_<Engine>& engine);
/// The worker's end.
void bind_worker_end(nanobind::module_& module);
void bind_fleet(nanobind::module_& module);
/// A stop is to end within `seconds`: workers that then still run are killed before.
void limit_stop(Engine& engine, double seconds);

}  // namespace freshframe::python
