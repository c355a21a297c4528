// The runner's loops and steps: opens the node, calls it with each sample, closes it.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/runner/runner.hpp"

#include "freshframe/log.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/pipeline/own_counter.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "core/session_gate.hpp"
#include "core/thread_begin.hpp"
#include <cxxabi.h>
#include <pthread.h>
#include <unistd.h>

namespace freshframe::core {
namespace {

thread_local Runner* current_runner = nullptr;

// Note [Forced unwinding]
// pthread_exit() in a node's code ends the thread by an unwind that looks like an exception. So does CPython
// up to 3.13 with a thread that wants the GIL while the interpreter finalises, which nodes of the bindings
// may. The C library ends the program when the unwind is swallowed, so each catch (...) around a node lets it
// pass first.

std::string describe(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (const std::exception& known) {
    return known.what();
  } catch (...) {
    return "an exception not derived from std::exception";
  }
}

}  // namespace

Runner::Runner(PipelineCore& core, int index, std::string name, std::unique_ptr<NodeBase> node,
               const AddOptions& options)
    : core_(core),
      index_(index),
      name_(std::move(name)),
      stop_token_(stop_.get_token()),
      run_(std::make_shared<NodeRun>(std::move(node), name_, core.clock(), stop_token_)),
      own_(run_.get()),
      node_(&own_->node()),
      source_(own_->source()),
      is_source_(source_ != nullptr),
      is_recorder_(node_->is_recorder()),
      runs_outside_(node_->runs_outside()),
      on_error_(options.on_error),
      batch_(options.batch),
      max_wait_(options.batch ? options.batch->max_wait : 0),
      stream_name_(options.source.empty() ? name_ : options.source),
      wake_every_(node_->wake_every()),
      gives_several_(node_->gives_several()),
      has_own_stream_(wake_every_ || node_->finishes()),
      inbox_(std::make_shared<Inbox>(name_, core.clock())),
      outlet_(index, gives_several_, core.budget()),
      batch_sizes_(batch_ ? static_cast<std::size_t>(batch_->size) : 0),
      chained_(source_ != nullptr ? core.source_stop_token() : core.stop_token(),
               [this] { stop_.request_stop(); }) {
  inbox_->set_call_times(durations_);
  inbox_->report_gone_sources();
}

Runner* Runner::current() noexcept {
  return current_runner;
}

void Runner::run() {
  adopt_thread();
  bool arrived = false;
  try {
    const bool opened = open_step();
    arrived = true;
    if (opened && begin_stream()) {
      const bool ended = source_ != nullptr ? source_loop() : batch_ ? batch_loop() : node_loop();
      if (ended) finish_step();
    }
  } catch (const abi::__forced_unwind&) {  // pthread_exit() in the node's code
    const Error error("ended its own thread");
    fail(std::make_exception_ptr(error), error.what(), nullptr);
    if (!arrived) core_.arrive_opened(*this);
    close_step();
    throw;
  } catch (...) {  // a step of the engine itself, out of memory: the pipeline ends, not the program
    fail_outside_node(std::current_exception());
    if (!arrived) core_.arrive_opened(*this);
  }
  close_step();
}

void Runner::fail_outside_node(std::exception_ptr cause) noexcept {
  try {
    fail(cause, "the engine failed: " + describe(cause), nullptr);
  } catch (...) {  // no memory for the texts either
    closed_cleanly_.store(false, std::memory_order_relaxed);
    try {
      core_.refuse(std::move(cause));
    } catch (...) {  // NOLINT(bugprone-empty-catch): nor to stop the others: their input ends with this node
    }
  }
}

void Runner::adopt_thread() noexcept {
  constexpr std::size_t kThreadNameLength = 15;  // the kernel's limit
  std::array<char, kThreadNameLength + 1> short_name{};
  name_.copy(short_name.data(), kThreadNameLength);
  pthread_setname_np(pthread_self(), short_name.data());
  begin_thread();
  gate_of_thread() = core_.gate();
  thread_id_.store(gettid(), std::memory_order_relaxed);
  current_runner = this;
  set_state(NodeState::Opening);
}

bool Runner::open_step() {
  try {
    opened_ = !stopping() && own_->open();
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (...) {
    fail(std::current_exception(), describe(std::current_exception()), nullptr);
  }
  set_state(NodeState::Waiting);
  opening_.store(opened_ ? Opening::Opened : Opening::Failed, std::memory_order_release);
  core_.arrive_opened(*this);
  // All nodes may have opened, run and been stopped meanwhile: a recorder still writes its waiting samples, and
  // finish() is called.
  return opened_ && (is_recorder() || has_own_stream_ || !stopping());
}

namespace {

// A runner holds no sample while it waits.
void forget(AnySample& sample) noexcept {
  sample.value = {};
  sample.frame = {};
  sample.stamp.path.reset();
}

}  // namespace

bool Runner::node_loop() {
  AnySample sample;
  for (;;) {
    const auto taken = take(sample);
    if (taken == Taken::Ended) return closed_cleanly();
    const bool goes_on = taken == Taken::Nothing ? on_time(sample)
                         : gives_several_        ? process_several(sample)
                                                 : process_one(sample);
    if (!goes_on) return false;
    forget(sample);
  }
}

bool Runner::fail_now(const AnySample* sample) {
  const auto text = describe(std::current_exception());
  return fail(std::current_exception(), text, sample);
}

bool Runner::idle_step() {
  set_state(NodeState::Working);
  try {
    expect_no_lock();
    node_->idle(context());
    return true;
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (...) {
    return fail(std::current_exception(), describe(std::current_exception()), nullptr);
  }
}

bool Runner::batch_loop() {
  std::vector<AnySample> samples;
  for (;;) {
    const auto taken = take_batch(samples);
    if (taken == Taken::Ended) return true;
    if (!(taken == Taken::Nothing ? on_time(samples.front()) : process_batch(samples))) return false;
    samples.clear();  // nothing is held while waiting
  }
}

bool Runner::process_batch(std::span<const AnySample> samples) {
  std::vector<std::optional<Emitted>> outputs;
  begin_call(samples.front(), inbox_->taken_at());
  try {
    expect_no_lock();
    outputs = node_->process_batch_any(samples, context());
    if (outputs.size() != samples.size()) throw Error("did not give one result per sample");
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (...) {
    end_batch(samples);
    return fail_batch(std::current_exception(), describe(std::current_exception()), samples);
  }
  end_batch(samples);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (outputs[i]) outlet_.emit(*std::move(outputs[i]), samples[i]);
  }
  return true;
}

bool Runner::process_one(const AnySample& sample) {
  std::optional<Emitted> output;
  begin_call(sample, inbox_->taken_at());
  try {
    expect_no_lock();
    output = node_->process_any(sample, context());
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (...) {
    end_work();
    return fail(std::current_exception(), describe(std::current_exception()), &sample);
  }
  end_work();
  if (output) outlet_.emit(*std::move(output), sample);
  return true;
}

bool Runner::source_loop() {
  if (!wait_for_go()) return false;
  const auto& clock = *core_.clock();
  auto began = clock.now();
  auto waited = Inbox::waited_for_room();
  while (!stopping()) {
    if (take_successor()) began = clock.now();
    bool failed = false;
    auto item = read_item(failed);
    if (!item && !failed && take_successor()) {
      began = clock.now();
      continue;
    }
    if (!item) return !failed;
    const auto now = clock.now();
    const bool has_frame = static_cast<bool>(item->value.frame);
    const bool go_on = publish(*std::move(item), now, waited);
    durations_.add(Seconds(now - began).count(), now);  // after the hand-over: not part of the age
    if (!go_on) return true;
    // A hand-over of a value that does not wait takes as long as a few readings of the clock.
    const auto waited_before = std::exchange(waited, Inbox::waited_for_room());
    began = has_frame || waited != waited_before ? clock.now() : now;
  }
  return true;
}

std::optional<SourceItem<Emitted>> Runner::read_item(bool& failed) {
  try {
    expect_no_lock();
    auto item = source_->read_any(context());
    if (item && stream_.is_later) continue_stream(*item);
    if (item) check_seq(*item);
    return item;
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (...) {
    if (own_->stop_requested() && has_successor_) return std::nullopt;  // its successor has ended the call
    failed = true;
    fail(std::current_exception(), describe(std::current_exception()), nullptr);
    return std::nullopt;
  }
}

/// The others wait for the end of this node, also when there is no memory for a line of the log.
template <class Log>
void Runner::log_at_the_end(const Log& log) noexcept {
  try {
    log();
  } catch (...) {  // NOLINT(bugprone-empty-catch): the line is lost
  }
}

void Runner::fail_closing(std::exception_ptr cause) noexcept {
  try {
    fail(cause, describe(cause), nullptr);
  } catch (...) {
    fail_outside_node(std::move(cause));
  }
}

void Runner::close_step() {
  refuse_successor();
  log_at_the_end([&] {
    if (skips_unlogged_ > 0) log_skips(last_error());
  });
  if (is_source_ && stopping()) cut_short_.store(true, std::memory_order_relaxed);
  if (opened_) {
    set_state(NodeState::Working);
    counters().source().enter(SourceState::Closing);
    try {
      expect_no_lock();
      node_->close();
    } catch (const abi::__forced_unwind&) {
      throw;
    } catch (...) {
      fail_closing(std::current_exception());
    }
    if (source_ != nullptr) count_thread_time();
  }
  counters().source().enter(SourceState::Closed);
  set_state(closed_cleanly() ? NodeState::Ended : NodeState::Failed);
  log_at_the_end([&] {
    if (closed_cleanly()) report_recording();
  });
  inbox_->close();
  log_at_the_end([&] { report_lost_events(); });
  outlet_.end();
  if (current_runner == this) current_runner = nullptr;  // it may be closed on another thread
  closed_at_ = core_.clock()->now();
  finished_.store(true, std::memory_order_release);
  if (is_replacing()) stop_.request_stop();  // the node that opens to take the place has none any more
  core_.arrive_finished(*this);
}

bool Runner::begin_removal(std::shared_ptr<Removal> removal) {
  const Lock lock(removal_mutex_);
  if (removal_ != nullptr) return false;
  removal_ = std::move(removal);
  return true;
}

std::shared_ptr<Removal> Runner::removal() const {
  const Lock lock(removal_mutex_);
  return removal_;
}

bool Runner::keep_for_add(std::exception_ptr error) {
  const Lock lock(removal_mutex_);
  if (add_was_left_) return false;
  if (!add_failure_) add_failure_ = std::move(error);
  return true;
}

std::exception_ptr Runner::take_add_failure() {
  const Lock lock(removal_mutex_);
  return std::exchange(add_failure_, nullptr);
}

void Runner::leave_add() {
  std::exception_ptr unseen;  // destroyed without the mutex
  const Lock lock(removal_mutex_);
  add_was_left_ = true;
  unseen = std::exchange(add_failure_, nullptr);
}

void Runner::report_lost_events() const {
  std::uint64_t lost = 0;
  for (const auto& edge : inbox_->stats()) lost += edge.events_lost;
  if (lost == 0) return;
  log(LogLevel::Warning,
      "node '" + name_ + "' was too slow for the events of " + std::to_string(lost) +
          " samples, which are lost; a longer stop(timeout) gives it more time at the end");
}

void Runner::report_recording() const {
  if (!is_recorder()) return;
  std::uint64_t wanted = 0;
  std::uint64_t lost = 0;
  for (const auto& edge : inbox_->stats()) {
    if (edge.queue == kLatest || edge.queue == kNext) continue;  // made to drop samples
    std::uint64_t unwanted = 0;  // after the stop, in no set of a join, or by design
    for (const auto& [cause, count] : edge.drops) {
      if (cause != DropCause::QueueFull && cause != DropCause::Stale) unwanted += count;
    }
    wanted += edge.passed_in - unwanted;
    lost += edge.dropped - unwanted + edge.waiting;
  }
  if (lost == 0) return;
  const auto path = node_->records_to();
  const auto incomplete = path ? "'" + *path + "' is not complete" : "its files are not complete";
  log(LogLevel::Warning, "recorder '" + name_ + "' lost " + std::to_string(lost) + " of " +
                             std::to_string(wanted) + " samples: " + incomplete);
}

}  // namespace freshframe::core
