// The steps of a pipeline's life: launch, open, go, wait, stop, join, and how it handles a failure.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/pipeline_core.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/drain_time.hpp"
#include "core/pipeline/changes/changes.hpp"
#include "core/pipeline/views/feeds.hpp"
#include "core/pipeline/views/stalls.hpp"
#include "core/pipeline/views/statistics.hpp"
#include "core/unit_text.hpp"

namespace freshframe::core {
namespace {

constexpr Seconds kWaitSlice{0.05};  // slice of a wait, between two checks
using Real = Life::Real;

// Starts the threads of the native nodes that launch() has connected.
void spawn(PipelineCore& core) {
  auto runners = core.runners();
  std::erase_if(runners, [](const auto& runner) { return runner->life().is_late(); });
  auto next = runners.begin();
  try {
    for (; next != runners.end(); ++next) {
      if (!(*next)->facts().runs_outside)
        core.life().start_thread(*next, [runner = *next] { runner->run(); });
    }
  } catch (const std::exception& error) {  // the system cannot start another thread
    core.request_stop();
    for (auto runner = runners.begin(); runner != runners.end(); ++runner) {
      if (runner < next && !(*runner)->facts().runs_outside) continue;
      // After a stop, open_step() opens nothing and finishes the node, which has no thread.
      (*runner)->open_step();
      (*runner)->close_step();
    }
    throw Error("cannot start the thread of node '" + (*next)->name() + "': " + error.what());
  }
}

// Returns true if there are sources and all have ended. A source ends before the nodes downstream of it.
bool sources_have_ended(const PipelineCore& core) {
  bool any = false;
  for (const auto& runner : core.runners()) {
    if (!runner->is_source()) continue;
    if (!has_ended(runner->meter().state())) return false;
    any = true;
  }
  return any;
}

[[noreturn]] void throw_still_busy(std::vector<std::string> nodes, Seconds timeout) {
  const auto list = list_busy(nodes);
  throw StopTimeoutError(
      "these nodes are still busy " + seconds_text(timeout.count()) + " after stop(): " + list +
          ". A node ends when its call has returned: let a loop in process() end when the node's "
          "stop_token is set (self.stop_token.stopped), or give stop() a longer timeout",
      std::move(nodes));
}

}  // namespace

PipelineCore::PipelineCore(Pipeline::Options options) : PipelineParts(std::move(options)) {}

PipelineCore::~PipelineCore() {
  request_stop();
  join(Seconds::max());
}

std::shared_ptr<void> PipelineCore::get_attachment(std::shared_ptr<void> (*make)(const PipelineCore& core)) {
  std::call_once(attached_, [&] { attachment_ = make(*this); });
  return attachment_;
}

void PipelineCore::start(const Embedder& embedder) {
  launch();  // not in the try block: if it throws, another start() may be running the pipeline
  try {
    if (embedder.start_outside) embedder.start_outside();
    while (!wait_opened(kWaitSlice)) {
      if (embedder.hook) embedder.hook();
    }
  } catch (...) {
    request_stop();
    // An embedder's nodes may have failed to start, and then no thread would end them.
    if (!embedder.start_outside) join(Seconds::max());
    throw;
  }
  go();
}

void PipelineCore::launch() {
  {
    const Lock building(guarded_.building);  // held throughout, so an add() comes either before or is refused
    life_.expect_new();
    auto& graph = guarded_.graph;
    for (const auto& runner : graph.runners()) check_served(*this, runner->name(), *runner->node());
    graph.wire(options_.keep_running);
    guarded_.update_bound();
    for (const auto& runner : graph.runners()) runner->life().set_connected();
    life_.launch(static_cast<int>(graph.places().size()));
  }
  spawn(*this);
}

bool PipelineCore::wait_opened(std::optional<Seconds> timeout) {
  const auto deadline = timeout ? Real::now() + to_duration(*timeout) : Real::time_point::max();
  if (!life_.wait_opened(deadline)) return false;
  if (failure().has_failed()) {
    request_stop();
    failure().rethrow_if_failed();
  }
  if (stop_token().stop_requested()) throw StateError("stop() was called while the pipeline was starting");
  return true;
}

void PipelineCore::go() {
  report_lossy_edges(*this);
  life_.go();
}

void PipelineCore::arrive_finished(Runner& runner) {
  if (runner.life().removal() != nullptr) {
    forget(*this, runner);
  } else if (runner.is_source()) {
    const Lock building(guarded_.building);
    guarded_.graph.end_orphans();
  }
  life_.arrive_finished();
}

bool PipelineCore::keep_end(int node, const GoneSource& gone) {
  const Lock building(guarded_.building);
  return guarded_.graph.keep_end(node, gone);
}

bool PipelineCore::wait(std::optional<Seconds> timeout, const WaitHook& hook) {
  if (!life_.has_started()) throw StateError("wait() was called before start(): start the pipeline first");
  if (called_from_runner())
    throw StateError("wait() on a node's own thread would wait for itself: use stop()");
  const auto deadline = timeout ? Real::now() + to_duration(*timeout) : Real::time_point::max();
  while (true) {
    failure().rethrow_if_due();
    if (life_.wait_ended(std::min(deadline, Real::now() + to_duration(kWaitSlice)))) break;
    core::check_stalled(*this);
    if (Real::now() >= deadline) return false;
    if (hook) hook();
  }
  failure().rethrow_if_failed();
  return true;
}

bool PipelineCore::finish(Seconds patience, const WaitHook& hook) {
  if (!life_.has_started() || options_.keep_running || called_from_runner() || !sources_have_ended(*this))
    return false;
  {
    const Lock building(guarded_.building);
    for (const auto& entry : guarded_.graph.readers().all()) entry.reader->inbox().close();
  }
  std::uint64_t moved = 0;
  auto last_move = Real::now();
  while (!life_.wait_ended(Real::now() + to_duration(kWaitSlice))) {
    if (failure().has_failed()) return false;
    const auto count = delivered_by(*this);
    if (count != moved) last_move = Real::now();
    moved = count;
    if (Real::now() - last_move >= to_duration(patience)) return false;
    if (hook) hook();
  }
  return true;
}

bool PipelineCore::stop(Seconds timeout, const WaitHook& hook) {
  request_stop(timeout);
  if (called_from_runner()) return false;
  const auto deadline = Real::now() + to_duration(timeout);
  for (;;) {
    auto busy = join(std::clamp(Seconds(deadline - Real::now()), Seconds{0}, kWaitSlice));
    if (busy.empty()) return true;
    if (Real::now() >= deadline) throw_still_busy(std::move(busy), timeout);
    if (hook) hook();
  }
}

void PipelineCore::request_stop(Seconds timeout) {
  life_.begin_stop();
  for (const auto& runner : runners()) {
    if (runner->facts().batch && !runner->facts().is_recorder) runner->inbox().expect_close();
  }
  source_stop_.request_stop();
  budget_->stop();
  const auto now = clock()->now();
  const auto drained_by = now + to_duration(kDrainTime);
  const auto events_by = now + to_duration(timeout * kHandOverShare);
  {
    // An add() that starts later is refused, and one in progress notices the stop when it connects its node.
    const Lock building(guarded_.building);
    // Downstream first, so that results of a parent's finish() find its children closed.
    const auto nodes = guarded_.graph.runners();
    for (auto each = nodes.rbegin(); each != nodes.rend(); ++each) {  // clang 14 cannot reverse a view
      const auto& runner = *each;
      if (runner->facts().is_recorder) {
        runner->inbox().close(Closing::ForNew, drained_by);
      } else {
        runner->inbox().close(Closing::ForEvents, events_by);
      }
    }
    for (const auto& entry : guarded_.graph.readers().all()) entry.reader->inbox().close();
  }
  life_.finish_stop();  // after closing the inboxes, so that nodes that it wakes take no more samples
}

std::vector<std::string> PipelineCore::join(Seconds timeout) {
  auto until = timeout == Seconds::max() ? Real::time_point::max() : Real::now() + to_duration(timeout);
  while (!life_.join(until)) {
    if (auto busy = busy_nodes(*this); !busy.empty()) return busy;
    // The last node has ended, so the pipeline is about to.
    until = Real::now() + to_duration(kWaitSlice);
  }
  return {};
}

bool PipelineCore::fail(Runner& runner, std::exception_ptr cause, const std::string& what,
                        const FailedOn& where) {
  if (runner.facts().removes_itself() && runner.life().removal() == nullptr && runner.life().is_connected() &&
      !life_.is_starting()) {
    remove_failed(*this, runner, failure_text(runner, *names_, what, where));
    return false;
  }
  auto error = make_error(*this, runner, std::move(cause), what, where);
  const auto removal = runner.life().removal();
  if (runner.life().is_late() && !runner.life().is_connected()) {  // add() reports the failure
    // No effect if the node is already being removed.
    runner.life().begin_removal(std::make_shared<Removal>());
    return runner.life().keep_for_add(std::move(error));
  }
  if (removal) {  // remove() reports the failure
    return life_.call_locked([&] {
      if (!removal->error) removal->error = std::move(error);
      return removal->awaited;
    });
  }
  // Samples that a source read before it failed are still delivered. Other nodes leave a gap, so the failure
  // is reported immediately.
  const bool delivers_rest = runner.is_source() && !life_.is_starting();
  const bool first =
      failure().set(std::move(error), delivers_rest ? Failure::Due::AfterRest : Failure::Due::Now);
  if (delivers_rest) {
    source_stop_.request_stop();
  } else {
    request_stop();
  }
  if (first && failure_hook_) failure_hook_();
  return first;
}

void PipelineCore::refuse(std::exception_ptr error) {
  failure().set(std::move(error));
  request_stop();
}

std::shared_ptr<NodeBase> PipelineCore::place(Runner& runner, Successor& successor) {
  const Lock building(guarded_.building);
  auto old = runner.put(successor.next);
  return life_.change([&] {
    successor.old = std::move(old);
    if (!successor.takes_thread) successor.state = Successor::State::Placed;
    return successor.is_callers ? nullptr : successor.before;
  });
}

std::shared_ptr<NodeBase> PipelineCore::refuse_successor(Successor& successor) {
  return life_.change([&] {
    successor.state = Successor::State::Refused;
    const bool is_ours =
        !successor.is_callers && successor.next && successor.next->node().contract().runs_outside;
    return is_ours ? share_node(successor.next) : nullptr;
  });
}

void PipelineCore::hand_over(Successor& successor) {
  life_.change([&] { successor.state = Successor::State::Placed; });
}

void PipelineCore::check_stalled_for(const ReaderCore& waiting) {
  core::check_stalled_for(*this, waiting);
}

std::string PipelineCore::describe_trouble_upstream(const ReaderCore& reader) const {
  return core::describe_trouble_upstream(*this, reader);
}

void PipelineCore::sweep_readers() {
  const Lock building(guarded_.building);
  guarded_.sweep();
}

}  // namespace freshframe::core
