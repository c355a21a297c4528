// The life of a pipeline: add, launch, open, go, end, stop, join.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/pipeline_core.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <utility>

#include "core/drain_time.hpp"
#include "core/pipeline/graph/graph_look.hpp"
#include "core/session_gate.hpp"
#include "core/unit_text.hpp"

namespace freshframe::core {
namespace {

constexpr Seconds kWaitSlice{0.05};      // of a wait, between two checks
using Real = std::chrono::steady_clock;  // phases are timed by the machine's clock, even in a simulation

}  // namespace

PipelineCore::PipelineCore(Pipeline::Options options)
    : options_(std::move(options)), gate_(gate_of_thread()) {
  if (const auto timeout = options_.stall_timeout; timeout && !(*timeout > 0)) {
    throw OptionError("stall_timeout must be more than 0 seconds, got " + seconds_text(*timeout));
  }
}

PipelineCore::~PipelineCore() {
  request_stop();
  join(Seconds::max());
}

std::shared_ptr<void> PipelineCore::attachment(std::shared_ptr<void> (*make)(const PipelineCore& core)) {
  std::call_once(attached_, [&] { attachment_ = make(*this); });
  return attachment_;
}

void PipelineCore::start(const Embedder& embedder) {
  launch();  // a refusal stops nothing: another start() may have launched it
  try {
    if (embedder.start_outside) embedder.start_outside();
    while (!wait_opened(kWaitSlice)) {
      if (embedder.look) embedder.look();
    }
  } catch (...) {
    request_stop();
    // The nodes of an embedder may have failed to start, and then no thread would end them.
    if (!embedder.start_outside) join(Seconds::max());
    throw;
  }
  go();
}

void PipelineCore::launch() {
  {
    const Lock building(building_);  // throughout: an add() is earlier or is refused
    {
      const Lock lock(mutex_);
      if (stop_source_.stop_requested()) {
        throw StateError("start() after stop(): a pipeline runs once, build a new one");
      }
      if (phase_ != Phase::Building) {
        throw StateError("start() was called before: a pipeline runs once, build a new one");
      }
    }
    graph_.wire(options_.keep_running);
    budget_->set_bound(frame_bound(graph_));
    for (const auto& runner : graph_.runners()) runner->life().set_connected();
    const Lock lock(mutex_);
    if (phase_ != Phase::Building) throw StateError("stop() was called while the pipeline started");
    phase_ = Phase::Starting;
    to_open_ = living_ = graph_.size();
    began_ = clock()->now();
    last_look_ = Real::now();
    started_->store(true,
                    std::memory_order_release);  // an add() from here on is late, and its caller can tell
  }
  spawn();
}

void PipelineCore::spawn() {
  std::vector<Thread> threads;
  std::vector<std::shared_ptr<Runner>> runners;
  {
    const Lock building(building_);
    runners = graph_.runners();
  }
  std::erase_if(runners, [](const auto& runner) { return runner->life().is_late(); });
  threads.reserve(runners.size());
  auto next = runners.begin();
  try {
    for (; next != runners.end(); ++next) {
      if (!(*next)->facts().runs_outside)
        threads.push_back({*next, std::jthread([runner = *next] { runner->run(); })});
    }
  } catch (const std::exception& error) {  // the machine has no more threads
    request_stop();
    for (auto runner = runners.begin(); runner != runners.end(); ++runner) {
      if (runner < next && !(*runner)->facts().runs_outside) continue;
      (*runner)->open_step();  // opens nothing after a stop, and ends this one, which has no thread
      (*runner)->close_step();
    }
    throw Error("cannot start the thread of node '" + (*next)->name() + "': " + error.what());
  }
  const Lock lock(mutex_);
  for (auto& thread : threads) threads_.push_back(std::move(thread));
}

bool PipelineCore::wait_opened(std::optional<Seconds> timeout) {
  const auto deadline = timeout ? Real::now() + to_duration(*timeout) : Real::time_point::max();
  {
    const Lock lock(mutex_);
    const auto ready = [&]() FRESHFRAME_REQUIRES(mutex_) {
      return to_open_ == 0 || failure_->failed() || stop_source_.stop_requested();
    };
    if (!changed_.wait_until(mutex_, *Clock::real(), deadline, ready)) return false;
  }
  if (failure_->failed()) {
    request_stop();
    failure_->rethrow_if_failed();
  }
  if (stop_source_.stop_requested()) throw StateError("stop() was called while the pipeline started");
  return true;
}

void PipelineCore::go() {
  tell_of_lossy_edges();
  const Lock lock(mutex_);
  if (phase_ == Phase::Starting) phase_ = Phase::Running;
  began_ = clock()->now();
  go_ = true;
  changed_.notify_all();
}

bool PipelineCore::wait_for_go(Runner& runner) {
  const auto& stopped = runner.life().stop_token();
  const std::stop_callback wake(stopped, [this] {
    const Lock lock(mutex_);
    changed_.notify_all();
  });
  const Lock lock(mutex_);
  changed_.wait(mutex_, [&]() FRESHFRAME_REQUIRES(mutex_) {
    return (go_ && runner.life().connected()) || stop_source_.stop_requested() || stopped.stop_requested();
  });
  return !stop_source_.stop_requested() && !stopped.stop_requested();
}

std::optional<TimePoint> PipelineCore::wait_for_start(Runner& runner) {
  const bool goes = wait_for_go(runner);
  const Lock lock(mutex_);
  return goes || (go_ && runner.life().connected()) ? std::optional(began_) : std::nullopt;
}

void PipelineCore::arrive_opened(Runner& runner) {
  const Lock lock(mutex_);
  if (runner.life().is_late() || --to_open_ == 0)
    changed_.notify_all();  // not earlier: every source waits there, too
}

bool PipelineCore::end_locked() {
  if (phase_ == Phase::Ended || phase_ == Phase::Building || living_ > 0 || replacing_ > 0) return false;
  // After a stop no call of add() succeeds. It may be one that cannot go on before stop() has returned, as a
  // signal's handler has interrupted it.
  if (!pending_.empty() && !stopping_) return false;
  if (options_.keep_running && !stop_source_.stop_requested() && !failure_->failed()) return false;
  phase_ = Phase::Ended;
  ended_at_ = clock()->now();
  changed_.notify_all();
  return true;
}

void PipelineCore::arrive_finished(Runner& runner) {
  if (runner.life().removal() != nullptr) forget(runner);
  bool last = false;
  {
    const Lock lock(mutex_);
    --living_;
    last = end_locked();
    changed_.notify_all();
  }
  expect_no_lock();
  if (last && end_hook_) end_hook_();
}

bool PipelineCore::is_stopping() const {
  const Lock lock(mutex_);
  return stopping_;
}

bool PipelineCore::is_starting() const {
  const Lock lock(mutex_);
  return phase_ == Phase::Starting;
}

bool PipelineCore::ended() const {
  const Lock lock(mutex_);
  return phase_ == Phase::Ended;
}

bool PipelineCore::called_from_runner() const {
  return Runner::current(*this) != nullptr;
}

bool PipelineCore::wait(std::optional<Seconds> timeout, const Look& look) {
  if (!started()) throw StateError("wait() before start(): nothing runs yet");
  if (called_from_runner())
    throw StateError("wait() on a node's own thread would wait for itself: use stop()");
  const auto deadline = timeout ? Real::now() + to_duration(*timeout) : Real::time_point::max();
  while (true) {
    failure_->rethrow_if_due();
    {
      const Lock lock(mutex_);
      const auto until = std::min(deadline, Real::now() + to_duration(kWaitSlice));
      changed_.wait_until(mutex_, *Clock::real(), until, [&]() FRESHFRAME_REQUIRES(mutex_) {
        return phase_ == Phase::Ended || failure_->due();
      });
      if (phase_ == Phase::Ended) break;
    }
    check_stalled();
    if (Real::now() >= deadline) return false;
    if (look) look();
  }
  failure_->rethrow_if_failed();
  return true;
}

bool PipelineCore::stop(Seconds timeout, const Look& look) {
  request_stop(timeout);
  if (called_from_runner()) return false;
  const auto deadline = Real::now() + to_duration(timeout);
  while (!join(std::clamp(Seconds(deadline - Real::now()), Seconds{0}, kWaitSlice))) {
    if (Real::now() >= deadline) throw_still_busy(timeout);
    if (look) look();
  }
  return true;
}

void PipelineCore::throw_still_busy(Seconds timeout) const {
  auto nodes = busy_nodes();
  std::string list;
  for (const auto& node : nodes) list += (list.empty() ? "'" : ", '") + node + "'";
  throw StopTimeout("still busy " + seconds_text(timeout.count()) + " after stop(): " + list,
                    std::move(nodes));
}

void PipelineCore::request_stop(Seconds timeout) {
  {
    const Lock lock(mutex_);
    stopped_early_ |= phase_ != Phase::Ended;
    stopping_ = true;  // a change is refused, or was made before the inboxes are closed
    if (phase_ == Phase::Building) phase_ = Phase::Ended;
  }
  for (const auto& runner : runners()) {
    if (runner->facts().batch && !runner->facts().is_recorder) runner->inbox().expect_close();
  }
  source_stop_.request_stop();
  budget_->stop();
  const auto now = clock()->now();
  const auto drained_by = now + to_duration(kDrainTime);
  const auto events_by = now + to_duration(timeout * kHandOverShare);
  {
    const Lock building(
        building_);  // a later add() is refused, or its node finds the stop when it is connected
    // Children first: what a parent gives in its finish() finds them closed.
    const auto nodes = graph_.runners();
    for (auto each = nodes.rbegin(); each != nodes.rend(); ++each) {  // clang 14 cannot reverse a view
      const auto& runner = *each;
      if (runner->facts().is_recorder) {
        runner->inbox().close_for_new(drained_by);
      } else {
        runner->inbox().close_but_for_events(events_by);
      }
    }
    for (const auto& [reader, wires, join] : graph_.readers().all()) reader->inbox().close();
  }
  stop_source_.request_stop();  // after the inboxes: a node that it wakes takes no further sample
  bool last = false;
  {
    const Lock lock(mutex_);
    last = end_locked();
    changed_.notify_all();
  }
  if (last && end_hook_) end_hook_();
}

bool PipelineCore::join(Seconds timeout) {
  const auto deadline =
      timeout == Seconds::max() ? Real::time_point::max() : Real::now() + to_duration(timeout);
  std::vector<Thread> finished;
  {
    const Lock lock(mutex_);
    const auto ended = [&]() FRESHFRAME_REQUIRES(mutex_) { return phase_ == Phase::Ended; };
    if (!changed_.wait_until(mutex_, *Clock::real(), deadline, ended)) return false;
    finished.swap(threads_);
  }
  return true;  // `finished` joins threads that have nothing left to do
}

std::shared_ptr<Runner> PipelineCore::runner(int index) const {
  const Lock lock(building_);
  return graph_.shared_runner(index);
}

std::vector<std::shared_ptr<Runner>> PipelineCore::runners() const {
  const Lock lock(building_);
  return graph_.runners();
}

std::vector<std::string> PipelineCore::busy_nodes() const {
  const Lock building(building_);
  std::vector<std::string> names;
  for (const auto& runner : graph_.runners()) {
    if (!runner->life().finished() || runner->place().is_replacing()) names.push_back(runner->name());
  }
  return names;
}

double PipelineCore::uptime() const {
  const Lock lock(mutex_);
  if (phase_ == Phase::Building || began_ == TimePoint{}) return 0;
  const auto until = phase_ == Phase::Ended ? ended_at_ : clock()->now();
  return Seconds(until - began_).count();
}

double PipelineCore::average_rate(std::uint64_t count) const {
  const auto seconds = uptime();
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

}  // namespace freshframe::core
