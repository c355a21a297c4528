// The needs of a runner from its pipeline: what all its runners share, and the calls by which it takes part.
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

/// Constant, and the same for all runners of a pipeline.
struct RunnerShared {
  std::shared_ptr<const Clock> clock;
  std::shared_ptr<FrameBudget> budget;
  std::shared_ptr<const NameTable> names;
  std::shared_ptr<const Failure> failure;
  ErrorLog& errors;
  std::stop_token stop;
  /// A stop is asked even when another source has failed: read samples are delivered, and no others are read.
  std::stop_token source_stop;
};

/// The pipeline of a runner, as the runner sees it: PipelineCore, or a test. It outlives the steps of its runners, which
/// call from their threads. No lock is held then.
class RunnerHost {
 public:
  RunnerHost() = default;
  RunnerHost(const RunnerHost&) = delete;
  RunnerHost& operator=(const RunnerHost&) = delete;
  virtual ~RunnerHost() = default;

  [[nodiscard]] virtual const RunnerShared& get_shared() const noexcept = 0;
  /// Seconds since the sources began to read.
  [[nodiscard]] virtual double uptime() const = 0;

  // ---- its life
  /// The node has opened, or has failed to.
  virtual void arrive_opened(Runner& runner) = 0;
  /// Waits until the sources may read and the runner is connected. The time at which they began; nullopt
  /// means a stop came before.
  virtual std::optional<TimePoint> wait_for_start(Runner& runner) = 0;
  /// The last call of a runner.
  virtual void arrive_finished(Runner& runner) = 0;

  // ---- its failures
  /// Returns true for the first failure of the pipeline, which the next call of a verb throws.
  virtual bool fail(Runner& runner, std::exception_ptr cause, const std::string& what,
                    const FailedOn& where) = 0;
  /// A node cannot run at all: start() throws `error`.
  virtual void refuse(std::exception_ptr error) = 0;

  // ---- changes of the graph
  /// The successor's node takes the place, on the runner's thread; or the runner has ended before. Both return the
  /// node that this thread is to close for the embedder, or null.
  virtual std::shared_ptr<NodeBase> place(Runner& runner, Successor& successor) = 0;
  virtual std::shared_ptr<NodeBase> refuse_successor(Successor& successor) = 0;
  /// The node that has got the place goes on, on a thread of the embedder.
  virtual void hand_over(Successor& successor) = 0;
  /// Keeps the end of a source for the end of the node's own stream. False means the node has none.
  virtual bool keep_end(int node, const GoneSource& gone) = 0;
  /// Returns when the change of the graph that is under way has been made: a removal drops the waiting samples of its
  /// source everywhere below, and what follows it must come after that.
  virtual void wait_for_change() = 0;
};

}  // namespace freshframe::core
