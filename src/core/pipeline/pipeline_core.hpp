// The engine of one pipeline: a graph, and its life from add() to the last join.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"
#include "freshframe/pipeline.hpp"
#include "freshframe/why.hpp"

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "core/drain_time.hpp"
#include "core/failure.hpp"
#include "core/frame/frame_budget.hpp"
#include "core/look/error_log.hpp"
#include "core/look/graph_state.hpp"
#include "core/pipeline/changes/removal.hpp"
#include "core/pipeline/graph/graph.hpp"
#include "core/pipeline/name_table.hpp"
#include "core/pipeline/reader.hpp"

namespace freshframe::core {

class SessionGate;
struct Pace;
struct RunQueue;
struct Successor;

/// Thread-safe as Pipeline says. Lock order: mutex_ is never held while an inbox's mutex, a node or a
/// callback is entered.
///
/// Note [Changes while it runs]
/// The graph is changed and read with building_, which is never held while anything is waited for: an open(), a
/// close(), a thread, the GIL. So add() registers a node, lets go, waits until it has opened, and connects it in
/// a second step; and remove() takes edges away, asks the nodes to end, lets go and waits. A node is forgotten
/// by its own thread, as its last step. Nodes are kept by whoever uses them: a reference from runner() may be
/// the last one.
class PipelineCore : public std::enable_shared_from_this<PipelineCore> {
 public:
  explicit PipelineCore(Pipeline::Options options);
  PipelineCore(const PipelineCore&) = delete;
  PipelineCore& operator=(const PipelineCore&) = delete;
  ~PipelineCore();

  // ---- building, any thread
  /// Takes the node over only when it returns. While the pipeline runs, the node's thread begins to open it (an
  /// embedder starts the thread of its own node), and finish_add() must follow.
  /// `made` gets the runner as soon as it has the node.
  int add(std::unique_ptr<NodeBase>&& node, std::span<const AnyPort> parents, const AddOptions& options,
          std::shared_ptr<Runner>* made = nullptr);
  /// Waits until the node has opened, and connects it. Before start() it does nothing. Throws the failure of
  /// open(), or the exception of `look`: then the graph is as before.
  void finish_add(int index, const Look& look = {});
  /// Is called instead of finish_add(), for a node whose thread could not be started.
  void give_up_add(int index);
  /// Is called instead of finish_add(), for a node whose thread runs; or after it: then the node is removed.
  void abandon_add(int index);
  /// Whether finish_add() is still to come.
  [[nodiscard]] bool is_adding(int index) const;
  /// The nodes from number `first` on that this thread has added and not finished.
  [[nodiscard]] std::vector<int> added_from(int first) const;
  /// The number of the next node.
  [[nodiscard]] int next_number() const;
  std::shared_ptr<ReaderCore> add_reader(std::span<const AnyPort> parents, const ReaderOptions& options);
  void connect(const AnyPort& parent, int child, const ConnectOptions& options);
  void disconnect(const AnyPort& parent, int child);
  /// Sets the wait of a node with a batch, see Pipeline::set_max_wait().
  void set_max_wait(int index, double seconds);
  /// Ends the node and all nodes below it that no source reaches without it; see Pipeline::remove(). Returns
  /// their last statistics. On a node's own thread it only asks, and returns nothing.
  Stats remove(int index, const RemoveOptions& options, const Look& look = {});
  void remove(const std::shared_ptr<ReaderCore>& reader);
  /// Another node begins to take the place of a running one, see Pipeline::replace(); finish_replace() follows.
  /// Takes the node over only when nothing speaks against it; `kept` gets it then.
  std::shared_ptr<Successor> begin_replace(int index, std::unique_ptr<NodeBase>&& node,
                                           std::shared_ptr<NodeBase>* kept = nullptr);
  /// Waits until it has taken the place, or will. Throws the failure of open(), StopTimeout, or the exception of
  /// `look`: then the old one works on, or the new one does.
  void finish_replace(Successor& successor, Seconds timeout, const Look& look = {});
  /// Whether the successor has the place, or no call of the node before it comes any more.
  /// Nothing: it is not decided yet.
  [[nodiscard]] std::optional<bool> has_place(const Successor& successor) const;
  /// For a node of an embedder, which changes what stands behind it. Throws GraphError, StateError.
  void check_replaceable(int index) const;
  /// A thread that waits in Runner::take() returns, see Intake::return_news().
  void wake(int index);

  // ---- life
  /// As Pipeline::start(): launch(), the embedder's threads, wait_opened(), go().
  void start(const Embedder& embedder);
  /// Wires the graph and starts the native threads.
  void launch();
  /// Waits until every node has opened; false: not within `timeout`. Throws the failure, after asking the
  /// rest to stop: call join() then.
  bool wait_opened(std::optional<Seconds> timeout);
  /// Lets the sources begin to read.
  void go();
  /// Returns true if the pipeline has ended. Throws the failure, or Stalled.
  bool wait(std::optional<Seconds> timeout, const Look& look = {});
  /// Asks all nodes to stop; never waits. In that time they may get the events that are left.
  void request_stop(Seconds timeout = kStopTime);
  /// request_stop(), then join(). False: from a node's own thread, which only asks. Throws StopTimeout.
  bool stop(Seconds timeout, const Look& look = {});
  /// Waits for the threads and joins them. False: some are still busy, see busy_nodes().
  bool join(Seconds timeout);
  [[nodiscard]] std::vector<std::string> busy_nodes() const;
  [[nodiscard]] bool started() const noexcept { return started_->load(); }
  [[nodiscard]] bool ended() const;
  [[nodiscard]] bool called_from_runner() const;
  /// Throws Stalled when nothing has moved for stall_timeout because of a full blocking edge. After a failure
  /// throws that, since the remaining samples cannot be delivered.
  void check_stalled();
  /// Checks like check_stalled(), for a reader that waits: another reader whose thread is merely slow is a
  /// warning.
  void check_stalled_for(const ReaderCore& waiting);
  /// The states of those sources of a reader that deliver nothing, as the end of a message; empty: nothing
  /// known.
  [[nodiscard]] std::string trouble_of_sources(const ReaderCore& reader) const;

  /// Called once when the last node has ended, on its thread; it must not block or call back. Before
  /// launch().
  void set_end_hook(std::function<void()> hook) { end_hook_ = std::move(hook); }
  /// A hook like the end hook, called once when the pipeline has failed, on the thread of the node.
  void set_failure_hook(std::function<void()> hook) { failure_hook_ = std::move(hook); }

  // ---- for runners
  [[nodiscard]] const std::shared_ptr<const Clock>& clock() const noexcept { return options_.clock; }
  [[nodiscard]] const std::shared_ptr<FrameBudget>& budget() const noexcept { return budget_; }
  /// The gate of the thread that made the pipeline; all threads of its nodes have it. See session_gate.hpp.
  [[nodiscard]] const std::shared_ptr<SessionGate>& gate() const noexcept { return gate_; }
  [[nodiscard]] std::stop_token stop_token() const noexcept { return stop_source_.get_token(); }
  /// A stop is asked also when another source has failed: read samples are delivered, and no more are read.
  [[nodiscard]] std::stop_token source_stop_token() const noexcept { return source_stop_.get_token(); }
  /// The successor's node takes the place, on the runner's thread; or the runner has ended before.
  void place(Runner& runner, Successor& successor);
  void refuse_successor(Successor& successor);
  /// Returns true for the first failure of the pipeline, which the next call of a verb throws.
  bool fail(Runner& runner, std::exception_ptr cause, const std::string& what, const FailedOn& where);
  /// "node 'x' failed on sample 3 of 'cam': what"; without a sample it failed outside process().
  [[nodiscard]] std::string failure_text(const Runner& runner, const std::string& what,
                                         const FailedOn& where) const;
  /// An embedder cannot run one of its nodes: start() throws `error`.
  void refuse(std::exception_ptr error);
  void arrive_opened(Runner& runner);
  void arrive_finished(Runner& runner);
  /// See Graph::keep_end().
  bool keep_end(int node, const GoneSource& gone);
  bool wait_for_go(Runner& runner);
  /// The time at which the sources began to read, once the runner is connected; nullopt: a stop came before.
  std::optional<TimePoint> wait_for_start(Runner& runner);
  [[nodiscard]] double uptime() const;
  [[nodiscard]] double average_rate(std::uint64_t count) const;

  // ---- observation
  [[nodiscard]] Stats stats() const;
  [[nodiscard]] Report report() const;
  /// From any thread, even while another one builds the graph.
  /// `times`: with the quantiles of its statistics, which cost most.
  [[nodiscard]] GraphState graph_state(bool times = true) const;
  /// The age of the samples of the last seconds, taken apart.
  [[nodiscard]] std::vector<Age> ages(Seconds latest) const;
  /// How evenly the sources have given their samples.
  [[nodiscard]] std::map<std::string, Pace> paces(Seconds latest) const;
  [[nodiscard]] RunQueue run_queue() const;
  /// The object of a layer above that looks at this pipeline: `make` makes it at the first call. It is freed
  /// before all that it looks at. Any thread.
  std::shared_ptr<void> attachment(std::shared_ptr<void> (*make)(const PipelineCore& core));
  [[nodiscard]] ErrorLog& errors() noexcept { return errors_; }
  [[nodiscard]] const ErrorLog& errors() const noexcept { return errors_; }
  /// A tap of the port with this name (GraphNode::views), for one client at a time; the bound grows by one
  /// frame. Throws OptionError for another name, GraphError for a sink and for a node of several sources,
  /// StateError when it is taken. Any thread.
  std::shared_ptr<PictureTap> open_tap(const std::string& port, PictureTap::Hook hook);
  void close_tap(const std::shared_ptr<PictureTap>& tap);
  [[nodiscard]] std::string describe() const;
  /// Logs the edges that may drop events above a recorder.
  void tell_of_lossy_edges() const;
  /// The number of the source that a port is limited to; -1: it is not. Throws GraphError.
  [[nodiscard]] int only_source(const AnyPort& port) const;
  /// The name of a port for open_tap().
  [[nodiscard]] std::string view_name(const AnyPort& port) const;
  [[nodiscard]] const Pipeline::Options& options() const noexcept { return options_; }
  /// Returns null if the node was removed, or there was none.
  [[nodiscard]] std::shared_ptr<Runner> runner(int index) const;
  /// Those that are there, in the order of their numbers.
  [[nodiscard]] std::vector<std::shared_ptr<Runner>> runners() const;
  /// The names of all nodes, also of those that were removed.
  [[nodiscard]] const std::shared_ptr<NameTable>& names() const noexcept { return names_; }
  [[nodiscard]] Failure& failure() const noexcept { return *failure_; }
  /// Total number of samples, if every source knows its own.
  [[nodiscard]] std::optional<std::int64_t> total() const;

 private:
  enum class Phase : std::uint8_t { Building, Starting, Running, Ended };

  void run_replacement(const std::shared_ptr<Runner>& runner, const std::shared_ptr<Successor>& successor);
  [[nodiscard]] std::exception_ptr open_successor(const Runner& runner, NodeRun& next) const;
  bool wait_replaced(Successor& successor, Seconds timeout, const Look& look);
  [[noreturn]] void throw_still_old(Runner& runner, Successor& successor, Seconds timeout);
  std::shared_ptr<NodeRun> wait_for_place(Runner& runner, const std::shared_ptr<Successor>& successor);
  void finish_replacement(Successor& successor, std::exception_ptr error);
  /// The error that the program gets for `cause`.
  [[nodiscard]] std::exception_ptr error_of(const Runner& runner, std::exception_ptr cause,
                                            const std::string& what, const FailedOn& where) const;
  /// Removes a node with OnError::Remove, on its thread.
  void remove_failed(Runner& runner, std::string text);
  [[noreturn]] void throw_still_busy(Seconds timeout) const;
  [[nodiscard]] std::shared_ptr<PictureTap> tap_named(const std::string& port);
  [[nodiscard]] std::string source_of(const Runner& runner, const FailedOn& where) const;
  [[nodiscard]] bool is_starting() const;
  [[nodiscard]] bool is_stopping() const;
  [[nodiscard]] Stats stats_locked(std::optional<Span> span) const;
  /// Throws StateError when the pipeline takes no changes any more. True: it runs.
  bool check_changes(const char* verb) const;
  void spawn();
  void spawn_late(const std::shared_ptr<Runner>& runner);
  /// Joins the threads of nodes that have gone.
  void sweep_threads();
  /// With building_: forgets what nothing needs any more.
  void sweep();
  /// With building_: the node whose place another one may take. Throws GraphError, StateError.
  [[nodiscard]] std::shared_ptr<Runner> replaceable(int index) const;
  /// With building_: the number of frames that the engine may hold.
  void update_bound();
  /// With building_: the sums of edges that went.
  void count_removed(const std::vector<EdgeStats>& edges);
  /// A node that has closed and is being removed leaves the graph.
  void forget(Runner& runner);
  /// With mutex_: the end, when no node lives and none is being added.
  [[nodiscard]] bool end_locked() FRESHFRAME_REQUIRES(mutex_);
  /// The call of add() for the node `added` is over, a second time it does nothing; -1: the thread of a replace().
  void end_change(int added = -1);
  void undo_add(Runner& added);
  bool connect_opened(Runner& added);
  [[noreturn]] void throw_not_added(Runner& added, const Look& look);
  /// The node of an add() that is not over; null: there is none.
  [[nodiscard]] std::shared_ptr<Runner> pending(int index) const;
  using Runners = std::vector<std::shared_ptr<Runner>>;
  /// Asks a node and those below it. Returns those of them that another removal has asked before.
  Runners ask_to_end(int index, const std::shared_ptr<Removal>& removal, bool drains);
  /// With building_: nothing more comes into a node that is being removed without a drain.
  void close_input(Runner& runner) const;
  /// `before`: as ask_to_end() returned them.
  void wait_removed(const std::shared_ptr<Removal>& removal, const Runners& before, Seconds timeout,
                    const Look& look);
  /// Waits in slices; `look` is called between them.
  void wait_looking(const std::function<bool()>& over, const Look& look);
  [[nodiscard]] bool anyone_busy() const;
  /// Whether nothing has moved for stall_timeout.
  [[nodiscard]] bool stands_still();
  [[noreturn]] void throw_stalled(const std::string& why) const;
  void check_budget_stalled() const;
  [[nodiscard]] LifePhase life_phase() const;

  const Pipeline::Options options_;
  const std::shared_ptr<Failure> failure_ = std::make_shared<Failure>();
  const std::shared_ptr<FrameBudget> budget_ = std::make_shared<FrameBudget>();
  const std::shared_ptr<std::atomic<bool>> started_ = std::make_shared<std::atomic<bool>>(false);
  const std::shared_ptr<SessionGate> gate_;
  std::stop_source stop_source_;
  std::stop_source source_stop_;

  ErrorLog errors_;
  // Held while the graph is built and wired, and while another thread iterates over it. Locked before every
  // other mutex.
  mutable Mutex building_{LockRank::Graph};
  Graph graph_;
  RemovedStats removed_;
  std::vector<std::string> failures_;  // of nodes that were removed because of them
  bool removed_whole_ = true;  // what was removed had not failed, and its files had been read to their ends
  const std::shared_ptr<NameTable> names_ = std::make_shared<NameTable>();
  std::function<void()> end_hook_;
  std::function<void()> failure_hook_;

  mutable Mutex mutex_;
  Condition changed_;
  Phase phase_ FRESHFRAME_GUARDED_BY(mutex_) = Phase::Building;
  bool stopping_ FRESHFRAME_GUARDED_BY(mutex_) = false;       // a stop was requested: no change any more
  bool stopped_early_ FRESHFRAME_GUARDED_BY(mutex_) = false;  // stop() came before the end
  int to_open_ FRESHFRAME_GUARDED_BY(mutex_) = 0;             // of the nodes that start() launched
  int living_ FRESHFRAME_GUARDED_BY(mutex_) = 0;              // nodes that have not finished
  int replacing_ FRESHFRAME_GUARDED_BY(mutex_) = 0;           // threads of replace()
  bool go_ FRESHFRAME_GUARDED_BY(mutex_) = false;
  TimePoint began_ FRESHFRAME_GUARDED_BY(mutex_){};
  TimePoint ended_at_ FRESHFRAME_GUARDED_BY(mutex_){};
  std::uint64_t last_delivered_ FRESHFRAME_GUARDED_BY(mutex_) = 0;
  std::chrono::steady_clock::time_point last_look_ FRESHFRAME_GUARDED_BY(mutex_){};  // for a stall
  std::chrono::steady_clock::duration stood_still_ FRESHFRAME_GUARDED_BY(mutex_){};
  // Nodes from add() to the end of finish_add(): one that fails may leave the graph before finish_add() looks.
  struct Pending {
    std::shared_ptr<Runner> runner;
    std::thread::id adder;
  };
  std::map<int, Pending> pending_ FRESHFRAME_GUARDED_BY(mutex_);
  struct Thread {
    std::shared_ptr<Runner> runner;
    std::jthread thread;
    std::shared_ptr<const Successor> replacement = {};  // null: it is the runner's own
  };
  std::vector<Thread> threads_ FRESHFRAME_GUARDED_BY(mutex_);
  std::once_flag attached_;
  std::shared_ptr<void> attachment_;  // the last: it reads all others
};

}  // namespace freshframe::core
