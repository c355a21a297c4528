// The steps of one node: it opens, samples are taken, results and items are sent, exceptions reported, it closes.
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

/// Runs one node. run() is the whole body of a native thread (native_loop.cpp). A node that runs outside
/// (NodeBase::runs_outside) is driven by its embedder through the steps: open_step(), begin_stream(), then
/// take() and outlet() or publish(), begin_last() and finish() if that is true, then close_step(); each from
/// that one thread. The parts name the thread that uses them; stats() and offer(): any thread.
class Runner {
 public:
  Runner(RunnerHost& host, int index, std::string name, std::unique_ptr<NodeBase> node,
         const AddOptions& options);
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  void run();

  // ---- steps
  /// Before anything else on the runner's thread.
  void adopt_thread() noexcept;
  /// Opens the node and reports to the pipeline; false means it failed or was stopped, continue with
  /// close_step().
  bool open_step();
  /// A node with its own stream waits here until every node has opened, when its clock begins; false
  /// means stopped before.
  bool begin_stream();
  /// The next sample to process. Nothing: on_tick() is due instead, and `sample` stands for the tick: its
  /// stamp is the one of the results.
  Taken take(AnySample& sample);
  /// For a host that waits by itself: the tick that is due, if one is, in the form of a sample.
  [[nodiscard]] bool take_tick(AnySample& sample);
  /// Returns true if it has taken a sample. Never waits; returns false even when on_tick() is due.
  [[nodiscard]] bool try_take(AnySample& sample);
  /// Replaces take() for a node with a batch: gathers up to batch()->size samples. Nothing:
  /// on_tick() is due, and `samples` has the sample that represents the tick.
  Taken take_batch(std::vector<AnySample>& samples);
  /// Another node takes the place, if one is offered. Returns true if it has.
  bool take_successor();
  /// After the last sample: whether finish() is to be called, and the sample that its results belong to.
  [[nodiscard]] std::optional<AnySample> begin_last();
  /// Between the results of finish(): false when a stop leaves it no time, and nothing takes them.
  [[nodiscard]] bool takes_last_results();
  /// A source waits here until every node has opened; false means stopped.
  bool wait_for_go();
  /// Sends a source's item, which was read at `now`. False means the pipeline is stopping.
  /// `waited`: waited_for_room() until then.
  [[nodiscard]] bool publish(SourceItem<Emitted>&& item, TimePoint now, std::chrono::nanoseconds waited);
  /// Reports an exception of the node, of a call for these samples (the tick's: of on_tick(), the one of
  /// begin_last(): of finish()). Returns true when the node continues (on_error = Skip); each sample is counted.
  bool fail(Caught caught, const FailedOn& where = {});
  /// Whether fail() needs one: always when it ends the pipeline, else at intervals.
  [[nodiscard]] bool wants_traceback(const AnySample* sample) const;
  /// Whether the children are to be notified that a source has ended: outlet().end_edges() follows, after what was stamped
  /// before.
  [[nodiscard]] bool end_stamps(const GoneSource& gone);
  /// Closes the node and its edges; the last step, always taken.
  void close_step();

  // ---- another node takes its place; see Note [Replacing a node]
  /// Lets the successor take the place after the present call. Returns false if this runner has ended.
  [[nodiscard]] bool offer(const std::shared_ptr<Successor>& successor);
  /// Call it on the runner's thread, with the graph's lock. Returns the node that was there.
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
  /// Where the results of this node go.
  [[nodiscard]] Outlet& outlet() noexcept { return outlet_; }
  [[nodiscard]] const Outlet& outlet() const noexcept { return outlet_; }

  // ---- what is asked most
  [[nodiscard]] const std::string& name() const noexcept { return facts_.name; }
  [[nodiscard]] int index() const noexcept { return facts_.index; }
  [[nodiscard]] bool is_source() const noexcept { return facts_.is_source; }
  /// The node that has the place now, which is kept even when another one takes the place.
  [[nodiscard]] std::shared_ptr<NodeBase> node() const { return place_.node(); }
  /// Returns no quantiles if `span` is empty.
  [[nodiscard]] NodeStats stats(std::optional<Span> span) const;

  /// The runner whose thread this is, if it is of this pipeline, or null.
  [[nodiscard]] static Runner* get_current(const RunnerHost& host) noexcept;

 private:
  /// Works even without memory for the texts.
  void fail_outside_node(std::exception_ptr cause) noexcept;
  /// Another node takes the place, and the node and its children learn of the sources that have ended.
  void look_at_news();

  RunnerHost& host_;
  const RunnerShared& shared_;  // shared by the host
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

/// On the embedder's thread, when a native node has the place: runs it as Runner::run() does, until the runner is to
/// close. False means a node that runs outside has taken the place.
bool run_inside(Runner& runner);

/// The node knows that a source has ended. Returns true if it gives its last results of it at the next tick, after
/// which its children are notified.
[[nodiscard]] bool keeps_end_until_tick(Runner& runner, RunnerHost& host, const GoneSource& gone);

// ---- the end of an embedder's node whose thread has not begun
/// Only for who has claimed the runner. It opens nothing.
void end_without_thread(Runner& runner);
/// For a stop or a removal, which cannot wait for the thread to begin: the caller may be the handler of a signal,
/// which has interrupted the very call of add() or start() that is about to start it. The thread then does nothing.
void end_if_threadless(Runner& runner);

// ---- the texts of its failures
/// "node 'x' failed on sample 3 of 'cam': what"; without a sample it failed outside process().
[[nodiscard]] std::string failure_text(const Runner& runner, const NameTable& names, const std::string& what,
                                       const FailedOn& where);
/// "on sample 3 of 'cam'", "on a batch of 4 samples that begins with sample 3 of 'cam'": a call with `count` samples.
[[nodiscard]] std::string samples_text(const Runner& runner, const NameTable& names, const FailedOn& where,
                                       std::size_t count);
/// The name of the stream of the call's samples; without a sample the node's own.
[[nodiscard]] const std::string& find_stream(const Runner& runner, const NameTable& names,
                                             const FailedOn& where);

}  // namespace freshframe::core
