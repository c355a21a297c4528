// A runner's interface to its pipeline.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/node.hpp"

#include <exception>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

namespace freshframe::core {

class ErrorLog;
class Failure;
class FrameBudget;
class NameTable;
class Runner;
struct FailedOn;
struct GoneSource;
struct Successor;

/// Constant, and shared by all runners of a pipeline.
struct RunnerShared {
  std::shared_ptr<const Clock> clock;
  std::shared_ptr<FrameBudget> budget;
  std::shared_ptr<const NameTable> names;
  std::shared_ptr<const Failure> failure;
  ErrorLog& errors;
  std::stop_token stop;
  /// Also requested when another source has failed: samples already read are delivered, but no more are read.
  std::stop_token source_stop;
};

/// Implemented by PipelineCore and by tests. Outlives the steps of its runners, which call it on their
/// threads without holding a lock.
class RunnerHost {
 public:
  RunnerHost() = default;
  RunnerHost(const RunnerHost&) = delete;
  RunnerHost& operator=(const RunnerHost&) = delete;
  virtual ~RunnerHost() = default;

  [[nodiscard]] virtual const RunnerShared& get_shared() const noexcept = 0;
  /// Seconds since the sources started reading.
  [[nodiscard]] virtual double uptime() const = 0;

  // ---- life

  /// Called when the node has opened or failed to.
  virtual void arrive_opened(Runner& runner) = 0;
  /// Waits until the sources may read and the runner is connected. Returns the time at which they started, or
  /// nullopt if a stop came first.
  virtual std::optional<TimePoint> wait_for_start(Runner& runner) = 0;
  /// Called last by a runner.
  virtual void arrive_finished(Runner& runner) = 0;

  // ---- failures

  /// Returns true for the first failure of the pipeline, which is thrown by the user's next call on the
  /// pipeline.
  virtual bool fail(Runner& runner, std::exception_ptr cause, const std::string& what,
                    const FailedOn& where) = 0;
  /// Reports that a node cannot run at all: makes start() throw `error`.
  virtual void refuse(std::exception_ptr error) = 0;

  // ---- changes of the graph

  /// Puts the successor's node in place; called on the runner's thread. refuse_successor() is called instead
  /// if the runner has already ended. Both return the node that this thread must close for the embedder, or
  /// null.
  virtual std::shared_ptr<NodeBase> place(Runner& runner, Successor& successor) = 0;
  virtual std::shared_ptr<NodeBase> refuse_successor(Successor& successor) = 0;
  /// Continues with the new node on a thread of the embedder.
  virtual void hand_over(Successor& successor) = 0;
  /// Defers the end of a source until the node's own stream ends. Returns false if the node has none.
  virtual bool keep_end(int node, const GoneSource& gone) = 0;
  /// Waits for a change of the graph in progress: a removal drops the queued samples of its source everywhere
  /// downstream, and the caller must continue only after that.
  virtual void wait_for_change() = 0;
};

}  // namespace freshframe::core
