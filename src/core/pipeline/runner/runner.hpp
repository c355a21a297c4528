// One node's thread: waits for samples, calls the node, passes on its results, and counts.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"
#include "freshframe/node.hpp"
#include "freshframe/pipeline.hpp"
#include "freshframe/stats.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "core/edge/inbox.hpp"
#include "core/look/call_ring.hpp"
#include "core/look/picture_tap.hpp"
#include "core/pipeline/outlet.hpp"
#include "core/pipeline/runner/node_run.hpp"
#include "core/pipeline/tick_grid.hpp"

namespace freshframe::core {

class PipelineCore;
struct Removal;
struct Successor;

/// The samples of a call that failed; none: outside process(), on_time() and finish(). `batch`: one call had all
/// of them.
struct FailedOn {
  std::span<const AnySample> samples;
  bool batch = false;

  /// The call was on_time() or finish(): its sample stands for the tick or for the end.
  [[nodiscard]] bool is_own(int node) const noexcept {
    return !samples.empty() && samples.front().stamp.source == node;
  }
};

/// Runs one node. run() is the whole body of a native thread. A node that runs outside
/// (NodeBase::runs_outside) is driven by its embedder through the steps: open_step(), begin_stream(), then
/// take() and outlet() or publish(), begin_last() and finish() if that is true, then close_step(); each from
/// that one thread. stats() and requests from any thread.
class Runner {
 public:
  Runner(PipelineCore& core, int index, std::string name, std::unique_ptr<NodeBase> node,
         const AddOptions& options);
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  void run();

  // ---- steps
  /// Before anything else on the runner's thread.
  void adopt_thread() noexcept;
  /// Opens the node and reports to the pipeline; false: it failed or was stopped, continue with close_step().
  bool open_step();
  /// A node with a stream of its own waits here until every node has opened, when its clock begins; false:
  /// stopped before.
  bool begin_stream();
  /// The next sample to process. Nothing: on_time() is due instead, and `sample` stands for the tick: its
  /// stamp is the one of the results.
  Taken take(AnySample& sample);
  /// For a host with a wait of its own: the tick that is due, if one is, in the form of a sample, and the time
  /// of the next one.
  bool take_tick(AnySample& sample);
  [[nodiscard]] TimePoint next_wake() const;
  /// Returns true if it has taken a sample. Never waits; returns false also when on_time() is due.
  bool try_take(AnySample& sample);
  /// Before the first take(): it and take_batch() return News after source_gone() and Inbox::wake(), for a host
  /// that has something to do then.
  void return_news() noexcept { returns_news_ = true; }
  /// Takes instead of take(), for a node with a batch: gathers up to batch()->size samples. Nothing:
  /// on_time() is due, and `samples` has the one that stands for the tick.
  Taken take_batch(std::vector<AnySample>& samples);
  /// Where the results of this node go.
  [[nodiscard]] Outlet& outlet() noexcept { return outlet_; }
  [[nodiscard]] const Outlet& outlet() const noexcept { return outlet_; }
  /// After the last sample: whether finish() is to be called, and the sample that its results belong to.
  [[nodiscard]] std::optional<AnySample> begin_last();
  /// Between the results of finish(): false when a stop leaves it no more time, and nothing takes them.
  [[nodiscard]] bool takes_last_results();
  /// Is called instead of end_work(), after on_time() and finish().
  void end_tick() noexcept;
  /// Within begin_work() and end_work(): the thread waits for its children, which is no work.
  void pause_work() noexcept;
  void resume_work() noexcept;
  /// Whether publish() might wait, for an edge or for room for `item`'s frame.
  [[nodiscard]] bool would_wait(const SourceItem<Emitted>& item);
  /// A source waits here until every node has opened; false: stopped.
  bool wait_for_go();
  /// Sends a source's item. False: the pipeline is stopping.
  bool publish(SourceItem<Emitted> item);
  /// For a node that works on several samples at once, instead of begin_call() and end_work(): one call has
  /// taken `spent`, until `now`; one sample is finished and leaves, see Call.
  void count_call(Seconds spent, TimePoint now) noexcept;
  void count_processed(const Call& call) noexcept;
  /// One call got `samples`; for nodes with a batch.
  void count_batch(std::size_t samples) noexcept;
  /// Is called instead of end_work(), after a call that got `samples`.
  void end_batch(std::span<const AnySample> samples) noexcept;
  /// Reports that the node threw `cause` on `sample` (nullptr: outside of these calls; the tick's sample: in
  /// on_time(), the one of begin_last(): in finish()); `what` is its text,
  /// `traceback` where in the node's language. Returns true when the node continues (on_error = Skip).
  bool fail(std::exception_ptr cause, const std::string& what, const AnySample* sample,
            std::string traceback = {});
  /// Reports like fail(), for a call that failed for all of `samples`; each is counted.
  bool fail_batch(std::exception_ptr cause, const std::string& what, std::span<const AnySample> samples,
                  std::string traceback = {});
  /// Whether fail() needs one: always when it ends the pipeline, else at intervals.
  [[nodiscard]] bool wants_traceback(const AnySample* sample) const;
  /// Tells the children that nothing more comes of a source, if that is so.
  void end_source(const GoneSource& gone);
  /// The first half of end_source(), for a node whose results are stamped on one thread and sent on another:
  /// true: outlet().end() follows, behind what was stamped before.
  [[nodiscard]] bool end_stamps(const GoneSource& gone);
  /// Closes the node and its edges; the last step, always taken.
  void close_step();

  void set_state(NodeState state) noexcept { state_.store(state, std::memory_order_relaxed); }
  /// Adds to the seconds that the node waited for, and held, its language's lock.
  void meter_gil(double waited, double held) noexcept;
  /// Notes the wait before a call, and the waits within the calls since.
  void begin_gil_turn(double waited) noexcept;
  void end_gil_turn(double waited, double held) noexcept;
  /// Marks the beginning of one read(), on_time() or finish() call.
  void begin_work() noexcept;
  /// Does the same at a known time: reading the clock costs as much as taking a lock.
  void begin_work(TimePoint at) noexcept;
  /// Marks the beginning and the end of a process() call. The sample was taken last.
  void begin_call(const AnySample& sample) noexcept;
  void begin_call(const AnySample& sample, TimePoint at) noexcept;
  void end_work() noexcept;
  /// Ends the work like end_work(), after a read() that returned an item: publish() counts it.
  void end_read() noexcept;

  // ---- wiring
  /// Before its thread takes the first sample.
  void set_live(bool live) noexcept { live_.store(live, std::memory_order_relaxed); }
  using Demand = core::Demand;
  /// The demand of the child that was added last. The thread that sends.
  [[nodiscard]] const Demand& demand() { return outlet_.outputs().list().demand; }
  [[nodiscard]] Inbox& inbox() noexcept { return *inbox_; }
  [[nodiscard]] const Inbox& inbox() const noexcept { return *inbox_; }
  [[nodiscard]] const std::shared_ptr<Inbox>& shared_inbox() const noexcept { return inbox_; }
  /// Sets the runner's number among the holders of loans.
  void set_holder(std::uint16_t holder) noexcept { holder_ = holder; }
  [[nodiscard]] std::uint16_t holder() const noexcept { return holder_; }

  // ---- a node that comes or goes while the pipeline runs
  /// Before its thread starts: a failure of its open() is add()'s, and a source reads nothing before
  /// connected().
  void set_late() noexcept { late_ = true; }
  [[nodiscard]] bool is_late() const noexcept { return late_; }
  /// add() has given it its edges.
  void set_connected() noexcept { connected_.store(true, std::memory_order_release); }
  [[nodiscard]] bool connected() const noexcept { return connected_.load(std::memory_order_acquire); }
  /// Whether the node is being added or removed: then its failure does not end the pipeline.
  [[nodiscard]] bool is_outside_the_run() const { return (late_ && !connected()) || removal() != nullptr; }
  enum class Opening : std::uint8_t { Open, Opened, Failed };
  [[nodiscard]] Opening opening() const noexcept { return opening_.load(std::memory_order_acquire); }
  /// Makes the node take part in the caller's removal. Returns false if it is in another one already, and
  /// stays in that. Any thread.
  bool begin_removal(std::shared_ptr<Removal> removal);
  /// Keeps the node's failure while it is being added, for add() to throw. Returns false if no add() waits
  /// any more.
  bool keep_for_add(std::exception_ptr error);
  /// Returns null if there is no failure, or it was taken before.
  [[nodiscard]] std::exception_ptr take_add_failure();
  /// No add() waits for it any more.
  void leave_add();
  /// The removal that the node takes part in; null if there is none.
  [[nodiscard]] std::shared_ptr<Removal> removal() const;
  /// Notes that the node has left the graph.
  void set_forgotten() noexcept { forgotten_.store(true, std::memory_order_release); }
  [[nodiscard]] bool forgotten() const noexcept { return forgotten_.load(std::memory_order_acquire); }
  /// Ends its waits and its source's reads.
  void request_stop() { stop_.request_stop(); }
  [[nodiscard]] std::stop_token stop_token() const noexcept { return stop_token_; }

  // ---- another node takes its place; see Note [Replacing a node]
  /// False: another replacement is under way.
  bool begin_replacement() noexcept { return !replacing_.exchange(true); }
  void end_replacement() noexcept { replacing_ = false; }
  [[nodiscard]] bool is_replacing() const noexcept { return replacing_; }
  /// Lets the successor take the place after the present call. Returns false if this runner has ended.
  bool offer(const std::shared_ptr<Successor>& successor);
  /// Returns false if the successor has taken the place, or is about to. A source is: the one that is there
  /// has been stopped.
  bool withdraw(const Successor& successor);
  /// On the runner's thread, with the graph's lock. Returns the node that was there.
  std::shared_ptr<NodeRun> place(std::shared_ptr<NodeRun> next);

  /// The node that has the place now, which is kept, also when another one takes the place.
  [[nodiscard]] std::shared_ptr<const NodeRun> node_run() const;
  [[nodiscard]] std::shared_ptr<NodeBase> node() const;
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// The name of the stream that begins here, if one does (AddOptions::source).
  [[nodiscard]] const std::string& stream_name() const noexcept { return stream_name_; }
  [[nodiscard]] bool has_own_stream() const noexcept { return has_own_stream_; }
  [[nodiscard]] bool gives_several() const noexcept { return gives_several_; }
  [[nodiscard]] int index() const noexcept { return index_; }
  [[nodiscard]] bool belongs_to(const PipelineCore& core) const noexcept { return &core_ == &core; }
  /// As it was added: its max_wait may have been set since.
  [[nodiscard]] const std::optional<Batch>& batch() const noexcept { return batch_; }
  /// The batch to gather next; there must be one.
  [[nodiscard]] Batch next_batch() const noexcept {
    return {batch_->size, max_wait_.load(std::memory_order_relaxed)};
  }
  void set_max_wait(double seconds) noexcept { max_wait_.store(seconds, std::memory_order_relaxed); }
  /// Whether the node's samples are the sets of a join, once it is wired.
  [[nodiscard]] bool joins() const noexcept { return inbox_->joins(); }
  [[nodiscard]] bool stops_on_error() const noexcept { return on_error_ != OnError::Skip; }
  [[nodiscard]] bool removes_itself() const noexcept { return on_error_ == OnError::Remove; }
  [[nodiscard]] bool is_recorder() const noexcept { return is_recorder_; }
  [[nodiscard]] bool runs_outside() const noexcept { return runs_outside_; }
  [[nodiscard]] bool is_source() const noexcept { return is_source_; }
  /// The node as a source; null if it is none.
  [[nodiscard]] std::shared_ptr<const SourceBase> source() const;
  /// The context of the node that has the place, for the runner's thread.
  [[nodiscard]] const Context& context() const noexcept { return own_->context(); }
  /// Without quantiles of its own if `span` is empty.
  [[nodiscard]] NodeStats stats(std::optional<Span> span) const;
  [[nodiscard]] NodeState state() const noexcept { return state_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool finished() const noexcept { return finished_.load(std::memory_order_acquire); }
  [[nodiscard]] bool blocked() const noexcept { return outlet_.blocked(); }
  [[nodiscard]] std::uint64_t processed() const noexcept {
    return processed_.load(std::memory_order_relaxed);
  }
  /// The calls of the last time, see Call.
  [[nodiscard]] const CallRing& calls() const noexcept { return calls_; }
  /// The kernel's number of its thread; 0: it has not started.
  [[nodiscard]] int thread_id() const noexcept { return thread_id_.load(std::memory_order_relaxed); }
  /// The end of a source whose stream a stop has ended.
  [[nodiscard]] bool cut_short() const noexcept { return cut_short_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool closed_cleanly() const noexcept {
    return closed_cleanly_.load(std::memory_order_relaxed);
  }

  /// For an embedder. True once: for the thread of its node, or for a call that ends the node without one.
  bool claim() noexcept { return !claimed_.exchange(true); }

  /// The runner whose thread this is, or nullptr.
  [[nodiscard]] static Runner* current() noexcept;

 private:
  void fail_outside_node(std::exception_ptr cause) noexcept;
  void fail_closing(std::exception_ptr cause) noexcept;
  template <class Log>
  static void log_at_the_end(const Log& log) noexcept;
  /// The loops return whether the node may finish().
  bool node_loop();
  bool batch_loop();
  bool source_loop();
  /// Returns nothing if the source has ended, or failed.
  std::optional<SourceItem<Emitted>> read_item(bool& failed);
  /// Another node takes the place, and the node is told of the sources of which nothing more comes, and so are its
  /// children.
  void look_at_news();
  /// Returns true if another node has taken the place.
  bool take_successor() { return has_successor_.load(std::memory_order_acquire) && take_offered(); }
  bool take_offered();
  /// Refuses the successor, as the node has ended before that took the place.
  void refuse_successor();
  /// An item of a source that has taken the place of another.
  void continue_stream(SourceItem<Emitted>& item);
  void note_item(const SourceItem<Emitted>& item, TimePoint captured) noexcept;
  [[nodiscard]] NodeCounters& counters() const noexcept { return own_->counters(); }
  [[nodiscard]] bool stopping() const noexcept { return stop_token_.stop_requested(); }
  bool process_one(const AnySample& sample);
  bool process_several(const AnySample& sample);
  /// Results of a native call, on their way while it lasts.
  class Results;  // NOLINT(cppcoreguidelines-virtual-class-destructor): it is final
  /// The node's on_time(), whose results belong to `tick`.
  bool on_time(const AnySample& tick);
  void finish_step();
  [[nodiscard]] AnySample own_sample(TimePoint at);
  bool idle_step();
  bool process_batch(std::span<const AnySample> samples);
  struct Failed {
    std::exception_ptr cause;
    const std::string& what;
    std::string traceback;
  };
  bool fail(Failed failed, std::span<const AnySample> samples, bool whole_batch);
  /// Reports the exception that is being handled. `sample` is as above, or the tick.
  bool fail_now(const AnySample* sample);
  /// `waited`: Inbox::waited_for_room() until now.
  bool publish(SourceItem<Emitted>&& item, TimePoint now, std::chrono::nanoseconds waited);
  /// Throws Error when the item's number is not greater than that of the item before.
  void check_seq(const SourceItem<Emitted>& item) const;
  /// The item's, at most `now`; logs a clock that is another one.
  [[nodiscard]] TimePoint captured_of(const SourceItem<Emitted>& item, TimePoint now);
  /// The item's, or of a live source this machine's at `captured`.
  [[nodiscard]] Utc utc_of(const SourceItem<Emitted>& item, TimePoint captured) const;
  /// Room for one more frame: waits (file) or counts a drop (live).
  bool admit();
  void log_skipped(const std::string& failure, double pts, const std::string& traceback);
  void log_skips(const std::string& latest) const;
  [[nodiscard]] std::string last_error() const;
  /// Warns when a recorder lost samples.
  void report_recording() const;
  /// Warns when events did not reach the node.
  void report_lost_events() const;
  void count_rate(TimePoint now) noexcept;
  void begin_rate(TimePoint now) noexcept;
  /// Whether a sample came a second or more after the one before, or that is the first.
  [[nodiscard]] bool flows_after_pause(TimePoint now) const noexcept;
  /// Records the call that ends.
  void record_call(const CallKey& key, TimePoint done) noexcept;
  /// Counts the processor time of a source's thread.
  void count_thread_time() noexcept;
  [[nodiscard]] double rate(TimePoint now) const noexcept;
  /// Whether nothing flows: no sample for a second, or for twice the usual time between two.
  [[nodiscard]] bool is_quiet(TimePoint now) const noexcept;

  PipelineCore& core_;
  const int index_;
  const std::string name_;
  std::stop_source stop_;
  const std::stop_token stop_token_;
  mutable Mutex run_mutex_;
  // Changed on the runner's thread, with the graph's lock: a thread that has that one may use the node without
  // keeping it.
  std::shared_ptr<NodeRun> run_ FRESHFRAME_GUARDED_BY(run_mutex_);
  NodeRun* own_;  // the same, of the runner's thread, as the next two
  NodeBase* node_;
  SourceBase* source_;  // null: it is none
  const bool is_source_;
  const bool is_recorder_;
  const bool runs_outside_;
  const OnError on_error_;
  const std::optional<Batch> batch_;
  std::atomic<double> max_wait_;  // of its batches, seconds
  const std::string stream_name_;
  const std::optional<Seconds> wake_every_;
  const bool gives_several_;
  const bool has_own_stream_;
  const std::shared_ptr<Inbox> inbox_;
  Outlet outlet_;
  std::atomic<bool> replacing_{false};
  std::atomic<bool> has_successor_{false};
  mutable Mutex successor_mutex_;
  std::shared_ptr<Successor> successor_ FRESHFRAME_GUARDED_BY(successor_mutex_);
  bool takes_no_successor_ FRESHFRAME_GUARDED_BY(successor_mutex_) = false;
  mutable Mutex removal_mutex_;
  std::shared_ptr<Removal> removal_ FRESHFRAME_GUARDED_BY(removal_mutex_);
  std::exception_ptr add_failure_ FRESHFRAME_GUARDED_BY(removal_mutex_);
  bool add_was_left_ FRESHFRAME_GUARDED_BY(removal_mutex_) = false;
  std::uint16_t holder_ = 0;  // fixed before its thread starts, as the next
  bool late_ = false;
  std::atomic<bool> connected_{false};
  std::atomic<bool> forgotten_{false};
  std::atomic<bool> claimed_{false};
  std::atomic<Opening> opening_{Opening::Open};

  std::atomic<bool> live_{false};  // below a live source
  bool opened_ = false;            // the runner's thread only, as the next twelve
  TimePoint start_{};              // of the pipeline; set with a stream of its own
  std::optional<TickGrid> ticks_;
  bool was_tick_ = false;                  // of the last take
  std::optional<TimePoint> last_until_;    // see takes_last_results()
  bool last_ended_ = false;                // by it
  std::optional<TimePoint> gather_until_;  // see Inbox::take_batch()
  std::optional<TimePoint> skip_logged_;
  std::uint64_t skips_unlogged_ = 0;
  std::int64_t next_seq_ = 0;
  struct
      Continued {  // of a source: its last item, and what is added to the items of one that follows another
    double pts = 0;
    double step = 0;  // between the last two
    TimePoint captured{};
    int width = 0;
    int height = 0;
    std::int64_t seq_base = 0;
    double pts_base = 0;
    bool is_later = false;  // it follows another
    bool is_first = false;  // and has delivered nothing yet
  };
  Continued stream_;
  bool returns_news_ = false;
  bool has_news_ = false;  // for a host that did not wait
  bool clock_logged_ = false;
  CallKey call_;  // the present one, as the next two
  TimePoint call_began_{};
  float gil_before_ = 0;         // seconds
  bool called_in_turn_ = false;  // in the present turn with the GIL a call was recorded
  TimePoint work_began_{};
  TimePoint::duration worked_{};        // before the pause
  std::int64_t thread_time_at_go_ = 0;  // nanoseconds

  std::atomic<NodeState> state_{NodeState::Opening};
  TimePoint closed_at_{};  // written before finished_ is set, read after it
  std::atomic<bool> finished_{false};
  std::atomic<bool> closed_cleanly_{true};
  std::atomic<bool> cut_short_{false};
  std::atomic<std::uint64_t> processed_{0};
  std::atomic<std::uint64_t> ticks_called_{0};
  std::atomic<std::uint64_t> ticks_missed_{0};
  std::vector<std::atomic<std::uint64_t>> batch_sizes_;  // calls with 1, 2, ... samples
  std::atomic<std::uint64_t> errors_{0};
  std::atomic<std::int64_t> busy_ns_{0};
  std::atomic<std::int64_t> gil_wait_ns_{0};
  std::atomic<std::int64_t> gil_hold_ns_{0};
  // The rate of the last full window of a second, and the present window; 0: there is none.
  std::atomic<double> rate_{0};
  std::atomic<TimePoint::rep> rate_window_{0};
  std::atomic<std::uint64_t> rate_count_{0};
  std::atomic<TimePoint::rep> rate_latest_{0};  // the last sample
  mutable Mutex error_mutex_;
  std::string last_error_ FRESHFRAME_GUARDED_BY(error_mutex_);
  Timings durations_;
  CallRing calls_;
  std::atomic<int> thread_id_{0};
  // The pipeline's stop is also the node's. Last: it may fire at once.
  const std::stop_callback<std::function<void()>> chained_;
};

}  // namespace freshframe::core
