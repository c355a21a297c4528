// The steps of one node: open, take samples, send results, report exceptions, close.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"
#include "freshframe/node.hpp"
#include "freshframe/pipeline.hpp"
#include "freshframe/stats.hpp"

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/edge/inbox.hpp"
#include "core/pipeline/runner/intake.hpp"
#include "core/pipeline/runner/node_errors.hpp"
#include "core/pipeline/runner/node_facts.hpp"
#include "core/pipeline/runner/node_life.hpp"
#include "core/pipeline/runner/node_meter.hpp"
#include "core/pipeline/runner/node_place.hpp"
#include "core/pipeline/runner/node_stream.hpp"
#include "core/pipeline/runner/outlet.hpp"
#include "core/pipeline/runner/runner_host.hpp"

namespace freshframe::core {

/// Runs one node. run() is the whole body of a native thread (native_loop.cpp). For a node that runs outside
/// (NodeContract::runs_outside), the embedder calls the steps, all on one thread: open_step(),
/// begin_stream(), then take() and outlet() or publish(), begin_last() and, if that returns a sample,
/// finish(), then close_step(). The parts document their own threads; stats() and offer() are thread-safe.
class Runner {
 public:
  Runner(RunnerHost& host, int index, std::string name, std::unique_ptr<NodeBase> node,
         const AddOptions& options);
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  void run();

  // ---- steps

  /// Call first on the runner's thread.
  void adopt_thread() noexcept;
  /// Opens the node and reports to the pipeline. Returns false if the node failed to open or was stopped;
  /// then call close_step().
  bool open_step();
  /// For a node with its own stream, waits until every node has opened; its clock starts then. Returns false
  /// if stopped first. Other nodes do not wait.
  bool begin_stream();
  /// Takes the next sample. Returns Nothing if on_tick() is due instead; `sample` then has the stamp for its
  /// results.
  Taken take(AnySample& sample);
  /// Returns true if on_tick() is due; `sample` then has the stamp for its results. For hosts that wait by
  /// themselves.
  [[nodiscard]] bool take_tick(AnySample& sample);
  /// Takes a sample without waiting. Returns false if there is none, or if on_tick() is due.
  [[nodiscard]] bool try_take(AnySample& sample);
  /// Like take(), for a node with a batch: gathers up to batch()->size samples. Returns Nothing if on_tick()
  /// is due; `samples` then has one sample with the stamp for its results.
  Taken take_batch(std::vector<AnySample>& samples);
  /// If a successor was offered, puts it in place and returns true.
  bool take_successor();
  /// Call after the last sample. Returns a sample with the stamp for the results of finish(), or nullopt if
  /// finish() must not be called.
  [[nodiscard]] std::optional<AnySample> begin_last();
  /// Call between results of finish(). Returns false if a stop leaves no more time for them.
  [[nodiscard]] bool takes_last_results();
  /// Waits until every node has opened, before a source starts to read. Returns false if stopped.
  bool wait_for_go();
  /// Sends a source's item read at `now`. Returns false if the pipeline is stopping. `waited`:
  /// waited_for_room() before the read.
  [[nodiscard]] bool publish(SourceItem<Emitted>&& item, TimePoint now, std::chrono::nanoseconds waited);
  /// Reports an exception of a call. `where` has the samples of the call; for on_tick() and finish(), samples
  /// with the stamps for their results. Returns true if the node continues (on_error = Skip); each sample is
  /// then counted.
  bool fail(Caught caught, const FailedOn& where = {});
  /// Returns true if fail() needs a traceback: always if the failure ends the pipeline, otherwise once in a
  /// while.
  [[nodiscard]] bool wants_traceback(const AnySample* sample) const;
  /// Returns true if the children must be told that a source has ended: call outlet().end_edges() after
  /// sending what was stamped before.
  [[nodiscard]] bool end_stamps(const GoneSource& gone);
  /// Closes the node and its edges. Always the last step.
  void close_step();

  // ---- replacing the node; see Note [Replacing a node]

  /// Makes the successor replace the node after the current call. Returns false if this runner has ended.
  [[nodiscard]] bool offer(const std::shared_ptr<Successor>& successor);
  /// Call on the runner's thread, with the graph's lock. Returns the replaced node.
  std::shared_ptr<NodeRun> put(std::shared_ptr<NodeRun> next);

  // ---- parts
  [[nodiscard]] const NodeFacts& facts() const noexcept { return facts_; }
  [[nodiscard]] NodeLife& life() noexcept { return life_; }
  [[nodiscard]] const NodeLife& life() const noexcept { return life_; }
  [[nodiscard]] NodeMeter& meter() noexcept { return meter_; }
  [[nodiscard]] const NodeMeter& meter() const noexcept { return meter_; }
  [[nodiscard]] NodePlace& place() noexcept { return place_; }
  [[nodiscard]] const NodePlace& place() const noexcept { return place_; }
  [[nodiscard]] NodeStream& stream() noexcept { return stream_; }
  [[nodiscard]] Intake& intake() noexcept { return intake_; }
  [[nodiscard]] const Intake& intake() const noexcept { return intake_; }
  [[nodiscard]] Inbox& inbox() noexcept { return *inbox_; }
  [[nodiscard]] const Inbox& inbox() const noexcept { return *inbox_; }
  [[nodiscard]] const std::shared_ptr<Inbox>& shared_inbox() const noexcept { return inbox_; }
  /// Where the results of this node are sent.
  [[nodiscard]] Outlet& outlet() noexcept { return outlet_; }
  [[nodiscard]] const Outlet& outlet() const noexcept { return outlet_; }

  // ---- shortcuts
  [[nodiscard]] const std::string& name() const noexcept { return facts_.name; }
  [[nodiscard]] int index() const noexcept { return facts_.index; }
  [[nodiscard]] bool is_source() const noexcept { return facts_.is_source; }
  /// Returns the current node, and keeps it alive even if it is replaced.
  [[nodiscard]] std::shared_ptr<NodeBase> node() const { return place_.node(); }
  /// Omits quantiles if `span` is empty.
  [[nodiscard]] NodeStats stats(std::optional<Span> span) const;

  /// Returns the runner that the calling thread belongs to, or null if that is none of this pipeline's.
  [[nodiscard]] static Runner* get_current(const RunnerHost& host) noexcept;

 private:
  /// Works even if out of memory.
  void fail_outside_node(std::exception_ptr cause) noexcept;
  /// Handles a pending replacement, and the end of sources.
  void look_at_news();

  RunnerHost& host_;
  const RunnerShared& shared_;  // owned by the host
  const std::shared_ptr<const Clock> clock_;
  const NodeFacts facts_;
  NodeLife life_;
  NodePlace place_;
  NodeErrors errors_;
  NodeStream stream_;
  const std::shared_ptr<Inbox> inbox_;
  Outlet outlet_;
  NodeMeter meter_;
  Intake intake_;
};

/// Call on the embedder's thread when a native node is in place: works like Runner::run() until the runner
/// must close. Returns false if a node that runs outside has replaced it.
bool run_inside(Runner& runner);

/// Returns true if the node gives its last results of an ended source at the next tick. The node has already
/// been notified of the end; the children are notified after the tick.
[[nodiscard]] bool keeps_end_until_tick(Runner& runner, RunnerHost& host, const GoneSource& gone);

// ---- ending an embedder's node whose thread has not started

/// Ends an embedder's node without opening it. Only for the thread that has claimed the runner.
void end_without_thread(Runner& runner);
/// Ends the node if its thread has not started; the thread then does nothing. For a stop or a removal, which
/// cannot wait for the thread: the caller may be a signal handler that interrupted the add() or start() that
/// is about to start it.
void end_if_threadless(Runner& runner);

// ---- messages about a node's failures

/// "node 'x' failed on sample 3 of 'cam': what"; without a sample, the call was not process().
[[nodiscard]] std::string failure_text(const Runner& runner, const NameTable& names, const std::string& what,
                                       const FailedOn& where);
/// "on sample 3 of 'cam'", "on a batch of 4 samples that begins with sample 3 of 'cam'": a call with `count`
/// samples.
[[nodiscard]] std::string samples_text(const Runner& runner, const NameTable& names, const FailedOn& where,
                                       std::size_t count);
/// The name of the stream of the call's samples or, without samples, the node's own.
[[nodiscard]] const std::string& find_stream(const Runner& runner, const NameTable& names,
                                             const FailedOn& where);

}  // namespace freshframe::core
