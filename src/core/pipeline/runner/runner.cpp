// The steps of a runner: its start and end, taking samples and ticks, publishing items, and failures.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/runner/runner.hpp"

#include "freshframe/log.hpp"
#include "freshframe/packet.hpp"

#include <algorithm>
#include <cstddef>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "core/failure.hpp"
#include "core/frame/frame_access.hpp"
#include "core/pipeline/runner/name_table.hpp"
#include "core/thread_begin.hpp"
#include "core/url/masked_url.hpp"
#include "core/watch/error_log.hpp"
#include "core/watch/watched_source.hpp"
#include "platform/forced_unwind.hpp"
#include "platform/thread.hpp"

namespace freshframe::core {
namespace {

thread_local Runner* current_runner = nullptr;

}  // namespace

Runner::Runner(RunnerHost& host, int index, std::string name, std::unique_ptr<NodeBase> node,
               const AddOptions& options)
    : host_(host),
      shared_(host.get_shared()),
      clock_(shared_.clock),
      facts_(index, std::move(name), *node, options),
      life_(facts_.is_source ? shared_.source_stop : shared_.stop),
      place_(std::make_shared<NodeRun>(std::move(node), facts_.name, clock_, life_.stop_token())),
      errors_(facts_.name, *clock_),
      stream_(facts_, *clock_),
      inbox_(std::make_shared<Inbox>(facts_.name, clock_)),
      outlet_(index, facts_.gives_several, shared_.budget),
      meter_(*clock_, *inbox_, facts_.is_source, facts_.batch ? facts_.batch->size : 0),
      intake_(facts_, *inbox_, *clock_, life_.stop_token()) {
  inbox_->serve_node(&meter_.durations());
}

Runner* Runner::get_current(const RunnerHost& host) noexcept {
  return current_runner != nullptr && &current_runner->host_ == &host ? current_runner : nullptr;
}

void Runner::fail_outside_node(std::exception_ptr cause) noexcept {
  try {
    auto caught = Caught::make(cause);
    caught.what = "the engine failed: " + caught.what;
    fail(std::move(caught));
  } catch (...) {  // out of memory for the messages
    life_.set_failed();
    try {
      host_.refuse(std::move(cause));
    } catch (...) {  // NOLINT(bugprone-empty-catch): nor to stop the others: their input ends with this node
    }
  }
}

void Runner::adopt_thread() noexcept {
  platform::name_thread(facts_.name);
  begin_thread();
  life_.set_thread_id(platform::thread_number());
  current_runner = this;
  meter_.set_state(NodeState::Opening);
}

bool Runner::open_step() {
  bool opened = false;
  try {
    opened = !life_.stopping() && place_.own_run().open();
  } catch (const platform::ForcedUnwind&) {
    throw;
  } catch (...) {
    fail(Caught::make(std::current_exception()));
  }
  meter_.set_state(NodeState::Waiting);
  life_.set_opened(opened);
  host_.arrive_opened(*this);
  // All nodes may have opened, run and been stopped in the meantime. Even then, a recorder writes its queued
  // samples, and finish() is called.
  return opened && (facts_.is_recorder || facts_.has_own_stream() || !life_.stopping());
}

namespace {

// Running out of memory while logging must not keep the node from ending, because other nodes wait for that.
template <class Log>
void log_at_the_end(const Log& log) noexcept {
  try {
    log();
  } catch (...) {  // NOLINT(bugprone-empty-catch): the line is lost
  }
}

// Warns when events did not reach the node.
void report_lost_events(const NodeFacts& facts, const Inbox& inbox) {
  std::uint64_t lost = 0;
  for (const auto& edge : inbox.stats()) lost += edge.events_lost;
  if (lost == 0) return;
  log(LogLevel::Warning,
      "node '" + facts.name + "' was too slow to receive the events of " + std::to_string(lost) +
          " samples, which are lost; a longer stop(timeout) gives it more time at the end");
}

// Warns when a recorder lost samples.
void report_recording(const NodeFacts& facts, const Inbox& inbox, const NodeBase& node) {
  if (!facts.is_recorder) return;
  std::uint64_t wanted = 0;
  std::uint64_t lost = 0;
  for (const auto& edge : inbox.stats()) {
    if (skips_when_full(edge.queue, edge.joined)) continue;
    wanted += edge.passed_in - (edge.dropped - edge.lost);
    lost += edge.lost + edge.waiting;
  }
  if (lost == 0) return;
  const auto path = node.contract().records_to;
  const auto incomplete = path ? "'" + *path + "' is not complete" : "its files are not complete";
  log(LogLevel::Warning, "recorder '" + facts.name + "' lost " + std::to_string(lost) + " of " +
                             std::to_string(wanted) + " samples: " + incomplete);
}

}  // namespace

void Runner::close_step() {
  if (const auto successor = place_.close()) place_.hosting().left_over = host_.refuse_successor(*successor);
  log_at_the_end([&] { errors_.log_unlogged(); });
  if (facts_.is_source && life_.stopping()) life_.set_cut_short();
  if (life_.opening() == NodeLife::Opening::Opened) {
    meter_.set_state(NodeState::Working);
    place_.counters().source().enter(SourceState::Closing);
    try {
      expect_no_lock();
      place_.own_node().close();
    } catch (const platform::ForcedUnwind&) {
      throw;
    } catch (...) {
      const auto cause = std::current_exception();
      try {
        fail(Caught::make(cause));
      } catch (...) {  // out of memory for the messages
        fail_outside_node(cause);
      }
    }
    if (facts_.is_source) meter_.count_thread_time();
  }
  place_.counters().source().enter(SourceState::Closed);
  meter_.set_state(life_.closed_cleanly() ? NodeState::Ended : NodeState::Failed);
  log_at_the_end([&] {
    if (life_.closed_cleanly()) report_recording(facts_, *inbox_, place_.own_node());
  });
  inbox_->close();
  log_at_the_end([&] { report_lost_events(facts_, *inbox_); });
  outlet_.end_edges();
  if (current_runner == this) current_runner = nullptr;  // the runner may be closed on another thread
  life_.set_finished(clock_->now());
  if (place_.is_replacing()) life_.request_stop();  // a replacement is no longer needed
  host_.arrive_finished(*this);
}

void end_without_thread(Runner& runner) {
  runner.life().request_stop();
  runner.open_step();
  runner.close_step();
}

void end_if_threadless(Runner& runner) {
  if (runner.facts().runs_outside && !runner.life().is_finished() && runner.life().claim())
    end_without_thread(runner);
}

bool Runner::wants_traceback(const AnySample* sample) const {
  const bool first = errors_.total() == 0;
  return first || sample == nullptr || outlet_.is_last() || facts_.stops_on_error() ||
         shared_.errors.claim_traceback();
}

// The failure that ends the pipeline is not logged, because a call throws it. A sample whose image was lost
// with its GPU is a drop, not a failure of the node.
bool Runner::fail(Caught caught, const FailedOn& where) {
  caught.what = mask_passwords(caught.what);  // an exception of user code may contain the camera's URL
  caught.traceback = mask_passwords(caught.traceback);
  const auto samples = where.samples;
  errors_.count(caught.what);
  const bool in_finish = where.is_own(facts_.index) && outlet_.is_last();
  const bool is_lost = is_device_error(caught.cause);
  const bool may_go_on = !samples.empty() && !in_finish && !where.is_final;
  const bool goes_on = may_go_on && (is_lost || !facts_.stops_on_error());
  if (goes_on) {
    errors_.log_skipped(failure_text(*this, *shared_.names, caught.what, where), samples.front().stamp.pts,
                        caught.traceback, is_lost ? "its GPU lost the image" : "on_error=\"skip\"");
  }
  shared_.errors.add({.node = facts_.name,
                      .text = caught.what,
                      .traceback = caught.traceback,
                      .fatal = !goes_on && !facts_.removes_itself() && !life_.is_outside_the_run()});
  if (goes_on) {
    const auto drop = is_lost ? NodeDropCause::Device : NodeDropCause::Error;
    if (!where.is_own(facts_.index)) place_.counters().drop(drop, samples.size());
    return true;
  }
  life_.set_failed();
  const bool is_thrown = host_.fail(*this, std::move(caught.cause), caught.what, where);
  if (!is_thrown)
    log(LogLevel::Error,
        with_traceback(failure_text(*this, *shared_.names, caught.what, where), caught.traceback));
  return false;
}

const std::string& find_stream(const Runner& runner, const NameTable& names, const FailedOn& where) {
  const int source = where.samples.empty() ? -1 : where.samples.front().stamp.source;
  return source >= 0 ? names.find_stream(source) : runner.name();
}

std::string samples_text(const Runner& runner, const NameTable& names, const FailedOn& where,
                         std::size_t count) {
  const auto many =
      count > 1 ? " a batch of " + std::to_string(count) + " samples that begins with" : std::string();
  return "on" + many + " sample " + std::to_string(where.samples.front().stamp.seq) + " of '" +
         find_stream(runner, names, where) + "'";
}

std::string failure_text(const Runner& runner, const NameTable& names, const std::string& what,
                         const FailedOn& where) {
  std::string text = "node '" + runner.name() + "' failed";
  if (where.is_own(runner.index())) {
    text += runner.outlet().is_last() ? " in finish()" : " in on_tick()";
  } else if (!where.samples.empty()) {
    text += " " + samples_text(runner, names, where, where.batch ? where.samples.size() : 1);
  }
  return text + ": " + what;
}

bool Runner::offer(const std::shared_ptr<Successor>& successor) {
  const auto present = place_.offer(successor);
  if (present == nullptr) return false;
  if (facts_.is_source) {
    present->request_stop();  // interrupts its read()
  } else {
    inbox_->wake();
  }
  return true;
}

bool Runner::take_successor() {
  if (!place_.has_successor()) return false;
  auto successor = place_.take_successor();
  if (!successor) return false;
  auto& hosting = place_.hosting();
  hosting.left_over = host_.place(*this, *successor);
  if (successor->takes_thread) hosting.handed_over = std::move(successor);
  return true;
}

std::shared_ptr<NodeRun> Runner::put(std::shared_ptr<NodeRun> next) {
  auto& counters = next->counters();
  for (int i = 0; i < kNodeDropCauses; ++i) {
    const auto cause = static_cast<NodeDropCause>(i);
    counters.drop(cause, place_.counters().drops(cause));
  }
  if (facts_.is_source) counters.source().follow(place_.counters().source().snapshot(clock_->now()));
  auto old = place_.put(std::move(next));
  if (auto* const watched = place_.own_node().abilities().watched) {
    for (const auto& tap : outlet_.taps()) watched->watch(tap);
  }
  stream_.begin_later();
  return old;
}

NodeStats Runner::stats(std::optional<Span> span) const {
  NodeStats result;
  const auto run = place_.run();
  result.number = facts_.index;
  result.name = facts_.name;
  result.state = outlet_.is_blocked() ? NodeState::Blocked : meter_.state();
  const auto uptime = host_.uptime();
  const auto now = clock_->now();
  meter_.report(result, span, now);
  const auto average = uptime > 0 ? static_cast<double>(result.processed) / uptime : 0;
  result.rate = life_.is_finished() ? average : meter_.rate(now);
  result.errors = errors_.total();
  result.last_error = errors_.latest();
  result.ticks = intake_.ticks_called();
  result.ticks_missed = intake_.ticks_missed();
  auto report = run->node().report(span.value_or(Span::Recent));
  result.workers = std::move(report.workers);
  const auto hands = static_cast<double>(std::max<std::size_t>(1, result.workers.size()));
  // A worker's next call is sent before the current one returns, so two may overlap.
  result.busy = uptime > 0 ? std::min(1.0, meter_.busy() / hands / uptime) : 0;
  result.inference = std::move(report.inference);
  result.spool = std::move(report.spool);
  result.publish = std::move(report.publish);
  if (const auto* source = run->source(); source != nullptr && source->has_source_stats())
    // A failure of the server after the end is not an outage of this source.
    result.source = run->counters().source().snapshot(life_.end_or(now));
  if (result.source) result.source->sender = std::move(report.sender);
  for (int i = 0; i < kNodeDropCauses; ++i) {
    const auto cause = static_cast<NodeDropCause>(i);
    if (const auto count = run->counters().drops(cause); count > 0) {
      result.drops[cause] = count;
      result.dropped += count;
      if (is_lost(result, cause)) result.lost += count;
    }
  }
  return result;
}

namespace {

// Calls the node's idle(). Returns false if it failed and the node does not continue.
bool idle(Runner& runner) {
  runner.meter().set_state(NodeState::Working);
  try {
    expect_no_lock();
    runner.place().own_node().idle(runner.place().context());
  } catch (const platform::ForcedUnwind&) {
    throw;
  } catch (...) {
    if (!runner.fail(Caught::make(std::current_exception()))) return false;
  }
  runner.meter().set_state(NodeState::Waiting);
  return true;
}

// Tells the children which sources have ended, after the tick that gave their last results.
void end_behind_tick(Runner& runner) {
  if (!runner.intake().has_sources_behind_tick()) return;
  for (const auto& gone : runner.intake().take_sources_behind_tick()) {
    if (runner.end_stamps(gone)) runner.outlet().end_edges(gone);
  }
}

}  // namespace

Taken Runner::take(AnySample& sample) {
  using Turn = Intake::Turn;
  end_behind_tick(*this);
  meter_.set_state(NodeState::Waiting);
  for (;;) {
    const auto idle_at =
        intake_.is_live() ? place_.own_node().idle_at().value_or(TimePoint::max()) : TimePoint::max();
    switch (intake_.take(sample, idle_at)) {
      case Turn::Sample:
        return Taken::Sample;
      case Turn::Tick:
        sample = stream_.own_sample(outlet_.next_own_seq(), intake_.tick());
        return Taken::Nothing;
      case Turn::Ended:
        return Taken::Ended;
      case Turn::HostNews:
        return Taken::News;
      case Turn::News:
        look_at_news();
        break;
      case Turn::Idle:
        if (!idle(*this)) return Taken::Ended;
        break;
    }
  }
}

Taken Runner::take_batch(std::vector<AnySample>& samples) {
  using Turn = Intake::Turn;
  end_behind_tick(*this);
  meter_.set_state(NodeState::Waiting);
  for (;;) {
    switch (intake_.take_batch(samples)) {
      case Turn::Sample:
        return Taken::Sample;
      case Turn::Tick:
        samples.clear();
        samples.push_back(stream_.own_sample(outlet_.next_own_seq(), intake_.tick()));
        return Taken::Nothing;
      case Turn::Ended:
        return Taken::Ended;
      case Turn::HostNews:
        return Taken::News;
      case Turn::News:
        look_at_news();
        break;
      case Turn::Idle:
        break;
    }
  }
}

bool Runner::try_take(AnySample& sample) {
  if (!intake_.samples_are_next()) return false;
  auto taken = inbox_->take(sample, kWithoutWait);
  for (; taken == Taken::News; taken = inbox_->take(sample, kWithoutWait)) {
    look_at_news();
    if (intake_.has_host_news()) return false;  // take() reports it
  }
  return taken == Taken::Sample;
}

bool Runner::take_tick(AnySample& sample) {
  if (!intake_.take_tick()) return false;
  sample = stream_.own_sample(outlet_.next_own_seq(), intake_.tick());
  return true;
}

void Runner::look_at_news() {
  const auto all = inbox_->take_gone();
  const bool is_other = take_successor();
  intake_.keep_for_host(is_other && place_.own_node().contract().runs_outside);
  for (const auto& gone : all) {
    try {
      place_.own_node().source_gone(gone.source);
    } catch (const platform::ForcedUnwind&) {
      throw;
    } catch (...) {
      fail(Caught::make(std::current_exception()));
    }
    if (!keeps_end_until_tick(*this, host_, gone) && end_stamps(gone)) outlet_.end_edges(gone);
  }
}

bool keeps_end_until_tick(Runner& runner, RunnerHost& host, const GoneSource& gone) {
  if (!runner.place().own_node().contract().gives_last_of_source || !runner.intake().keep_until_tick(gone))
    return false;
  host.wait_for_change();
  return true;
}

// on_tick(), finish() and a node that delays its results may still give results of the source, so its stream
// ends when the source is removed or the node ends. A node that has given its last results of the source is
// done with it.
bool Runner::end_stamps(const GoneSource& gone) {
  const bool may_give_more = facts_.has_own_stream() || outlet_.delays();
  if (may_give_more && !place_.own_node().contract().gives_last_of_source &&
      host_.keep_end(facts_.index, gone))
    return false;
  outlet_.forget_place(gone.source);
  return true;
}

bool Runner::begin_stream() {
  if (!facts_.has_own_stream()) return true;
  const auto start = host_.wait_for_start(*this);
  if (!start) return false;
  stream_.begin_stream(*start);
  intake_.begin_stream(*start, life_.is_late());
  return true;
}

std::optional<AnySample> Runner::begin_last() {
  if (!facts_.finishes || shared_.failure->due()) return std::nullopt;
  outlet_.begin_last();
  (void)takes_last_results();  // starts the time limit for final results after a stop
  return stream_.own_sample(outlet_.next_own_seq(), clock_->now());
}

bool Runner::takes_last_results() {
  return !life_.stopping() || stream_.takes_last_results();
}

namespace {

/// Returns true if part of the frame was lost. The item may be a decoded frame or a packet.
bool is_damaged(const Emitted& item) {
  const auto* const packet = item.value.as<Packet>();
  return item.frame.is_damaged() || (packet != nullptr && packet->damaged);
}

// Makes room for one more frame: waits (file) or counts a drop (live source).
bool admit(Runner& runner, FrameBudget& budget, const Frame& frame) {
  const bool on_card = frame.on_device() != nullptr;
  if (budget.has_room(on_card)) return true;
  auto& place = runner.place();
  if (!place.own_source()->live()) {
    runner.outlet().set_blocked(true);
    const bool room = budget.wait_for_room(on_card, runner.life().stop_token());
    runner.outlet().set_blocked(false);
    if (room) return true;
  }
  place.counters().drop(NodeDropCause::Pool);
  return false;
}

}  // namespace

bool Runner::wait_for_go() {
  const bool go = host_.wait_for_start(*this) && !life_.stopping();
  meter_.begin_thread_time();
  return go;
}

bool Runner::publish(SourceItem<Emitted>&& item, TimePoint now, std::chrono::nanoseconds waited) {
  const auto seq = stream_.take_seq(item);
  meter_.count_item();
  auto& frame = item.value.frame;
  if (frame) {
    if (!admit(*this, *shared_.budget, frame)) return !life_.stopping();
    if (FrameAccess::is_loan(frame)) frame = FrameAccess::engine(frame);
    FrameAccess::attach(frame, shared_.budget);
  }
  const auto captured = stream_.choose_captured(item, now);
  stream_.note(item, captured);
  const bool damaged = is_damaged(item.value);
  const auto utc = stream_.choose_utc(item, captured, place_.own_source()->live());
  auto call = Call::make({.seq = seq, .source = facts_.index, .part = 0, .from = facts_.index});
  call.taken = captured;
  call.done = now;
  call.waited = waited.count();
  meter_.record(call);
  outlet_.send(
      {.stamp = {seq, item.pts, captured, facts_.index, damaged, std::move(item.path), utc, 0, item.pace},
       .frame = std::move(frame),
       .value = std::move(item.value.value),
       .node = facts_.index});
  meter_.count_rate(now);
  return !life_.stopping();
}

}  // namespace freshframe::core
