// The phases of a pipeline's life, and the calls that delay its end.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/parts/life.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace freshframe::core {
namespace {

constexpr Seconds kLookSlice{0.05};  // interval between two checks

}  // namespace

void Life::expect_new() const {
  const Lock lock(mutex_);
  if (stop_source_.stop_requested()) {
    throw StateError("start() was called after stop(). A pipeline runs once: build a new one");
  }
  if (phase_ != Phase::Building) {
    throw StateError("start() was already called. A pipeline runs once: build a new one");
  }
}

void Life::launch(int nodes) {
  const Lock lock(mutex_);
  if (phase_ != Phase::Building) throw StateError("stop() was called while the pipeline was starting");
  phase_ = Phase::Starting;
  to_open_ = living_ = nodes;
  began_ = clock_->now();
  last_look_ = Real::now();
  // From here on, the failure of an added node is thrown by its add().
  started_->store(true, std::memory_order_release);
}

bool Life::wait_opened(Real::time_point deadline) {
  const Lock lock(mutex_);
  return changed_.wait_until(mutex_, *Clock::real(), deadline, [&]() FRESHFRAME_REQUIRES(mutex_) {
    return to_open_ == 0 || failure_->has_failed() || stop_source_.stop_requested();
  });
}

void Life::go() {
  const Lock lock(mutex_);
  if (phase_ == Phase::Starting) phase_ = Phase::Running;
  began_ = clock_->now();
  go_ = true;
  changed_.notify_all();
}

void Life::arrive_opened(const Runner& runner) {
  const Lock lock(mutex_);
  if (runner.life().is_late() || --to_open_ == 0)
    changed_.notify_all();  // only for the last node, because all sources wait on it, too
}

std::optional<TimePoint> Life::wait_for_start(Runner& runner) {
  const auto stopped = runner.life().stop_token();
  const std::stop_callback wake(stopped, [this] { notify(); });
  const Lock lock(mutex_);
  changed_.wait(mutex_, [&]() FRESHFRAME_REQUIRES(mutex_) {
    return (go_ && runner.life().is_connected()) || stop_source_.stop_requested() || stopped.stop_requested();
  });
  return go_ && runner.life().is_connected() ? std::optional(began_) : std::nullopt;
}

bool Life::end_pipeline() {
  if (phase_ == Phase::Ended || phase_ == Phase::Building || living_ > 0 || replacing_ > 0) return false;
  // After a stop, no add() can succeed. A signal handler may have interrupted one that cannot continue before
  // stop() returns.
  if (!pending_.empty() && !stopping_) return false;
  if (keep_running_ && !stop_source_.stop_requested() && !failure_->has_failed()) return false;
  phase_ = Phase::Ended;
  ended_at_ = clock_->now();
  changed_.notify_all();
  return true;
}

void Life::call_end_hook(bool last) const {
  if (last && end_hook_) end_hook_();
}

void Life::arrive_finished() {
  bool last = false;
  {
    const Lock lock(mutex_);
    --living_;
    last = end_pipeline();
    changed_.notify_all();
  }
  expect_no_lock();
  call_end_hook(last);
}

void Life::begin_stop() {
  const Lock lock(mutex_);
  stopped_early_ |= phase_ != Phase::Ended;
  stopping_ = true;  // from now on changes are refused; earlier ones were made before the inboxes are closed
  if (phase_ == Phase::Building) phase_ = Phase::Ended;
}

void Life::finish_stop() {
  stop_source_.request_stop();
  bool last = false;
  {
    const Lock lock(mutex_);
    last = end_pipeline();
    changed_.notify_all();
  }
  call_end_hook(last);
}

bool Life::wait_ended(Real::time_point until) {
  const Lock lock(mutex_);
  changed_.wait_until(mutex_, *Clock::real(), until, [&]() FRESHFRAME_REQUIRES(mutex_) {
    return phase_ == Phase::Ended || failure_->due();
  });
  return phase_ == Phase::Ended;
}

bool Life::join(Real::time_point deadline) {
  std::vector<Thread> finished;
  {
    const Lock lock(mutex_);
    const auto ended = [&]() FRESHFRAME_REQUIRES(mutex_) { return phase_ == Phase::Ended; };
    if (!changed_.wait_until(mutex_, *Clock::real(), deadline, ended)) return false;
    finished.swap(threads_);
  }
  return true;  // `finished` only joins threads that have nothing left to do
}

bool Life::is_starting() const {
  const Lock lock(mutex_);
  return phase_ == Phase::Starting;
}

bool Life::is_stopping() const {
  const Lock lock(mutex_);
  return stopping_;
}

bool Life::has_ended() const {
  const Lock lock(mutex_);
  return phase_ == Phase::Ended;
}

LifePhase Life::phase() const {
  if (failure_->has_failed()) return LifePhase::Failed;
  const Lock lock(mutex_);
  switch (phase_) {
    case Phase::Building:
      return LifePhase::Created;
    case Phase::Starting:
      return LifePhase::Starting;
    case Phase::Running:
      return LifePhase::Running;
    case Phase::Ended:
      break;
  }
  return stopped_early_ ? LifePhase::Stopped : LifePhase::Ended;
}

double Life::uptime() const {
  const Lock lock(mutex_);
  if (phase_ == Phase::Building || began_ == TimePoint{}) return 0;
  const auto until = phase_ == Phase::Ended ? ended_at_ : clock_->now();
  return Seconds(until - began_).count();
}

std::optional<TimePoint> Life::ended_at() const {
  const Lock lock(mutex_);
  if (phase_ != Phase::Ended || ended_at_ == TimePoint{}) return std::nullopt;
  return ended_at_;
}

bool Life::stands_still(std::uint64_t moved, bool busy, Real::duration limit) {
  const Lock lock(mutex_);
  const auto now = Real::now();
  const auto since_look = now - std::exchange(last_look_, now);
  if (moved != last_delivered_ || busy || phase_ != Phase::Running) {
    last_delivered_ = moved;
    stood_still_ = {};
    return false;
  }
  // A suspended machine or process looks like a stall when it resumes. So a single interval between two
  // checks counts for at most half of the limit.
  stood_still_ += std::min<Real::duration>(since_look, limit / 2);
  return stood_still_ >= limit;
}

bool Life::check_changes(const char* verb) const {
  const Lock lock(mutex_);
  if (phase_ == Phase::Ended || stopping_ || stop_source_.stop_requested()) {
    throw StateError(std::string(verb) +
                     " was called after the end of the pipeline. A pipeline runs once: build a new one");
  }
  return phase_ != Phase::Building;
}

void Life::begin_add(const std::shared_ptr<Runner>& runner) {
  const Lock lock(mutex_);
  ++living_;
  pending_.emplace(runner->index(), runner);
}

void Life::end_add(int index) {
  std::shared_ptr<Runner> over;  // may be the last reference: destroyed without a lock
  bool last = false;
  {
    const Lock lock(mutex_);
    const auto found = pending_.find(index);
    if (found == pending_.end()) return;
    over = std::move(found->second);
    pending_.erase(found);
    last = end_pipeline();
  }
  call_end_hook(last);
}

std::shared_ptr<Runner> Life::pending(int index) const {
  const Lock lock(mutex_);
  const auto found = pending_.find(index);
  return found != pending_.end() ? found->second : nullptr;
}

std::vector<int> Life::pending_from(int first) const {
  const Lock lock(mutex_);
  std::vector<int> added;
  for (auto each = pending_.lower_bound(first); each != pending_.end(); ++each) {
    if (each->second->life().is_added_here()) added.push_back(each->first);
  }
  return added;
}

void Life::begin_replacement() {
  const Lock lock(mutex_);
  ++replacing_;
}

void Life::end_replacement() {
  bool last = false;
  {
    const Lock lock(mutex_);
    --replacing_;
    last = end_pipeline();
  }
  call_end_hook(last);
}

void Life::start_thread(std::shared_ptr<Runner> runner, std::function<void()> body,
                        std::shared_ptr<const Successor> replacement) {
  const Lock lock(mutex_);
  threads_.push_back({.runner = std::move(runner), .thread = {}, .replacement = std::move(replacement)});
  try {
    threads_.back().thread = std::jthread(std::move(body));
  } catch (...) {
    threads_.pop_back();
    throw;
  }
}

std::vector<std::shared_ptr<Runner>> Life::list_replaced() const {
  std::vector<std::shared_ptr<Runner>> found;
  const Lock lock(mutex_);
  for (const auto& each : threads_) {
    if (each.replacement && !each.replacement->over.load()) found.push_back(each.runner);
  }
  return found;
}

void Life::sweep_threads() {
  std::vector<Thread> over;  // ended threads, joined without the mutex
  const Lock lock(mutex_);
  for (auto& each : threads_) {
    const bool is_over = each.replacement
                             ? each.replacement->over.load()
                             : each.runner->life().is_forgotten() && each.runner->life().is_finished();
    if (is_over && each.thread.get_id() != std::this_thread::get_id()) {
      over.push_back(std::move(each));
    }
  }
  std::erase_if(threads_, [](const Thread& each) { return each.runner == nullptr; });
}

void Life::wait_with_hook(const std::function<bool()>& over, const WaitHook& hook) {
  while (!over()) {
    (void)wait_until(Real::now() + to_duration(kLookSlice), over);
    if (!over() && hook) hook();
  }
}

}  // namespace freshframe::core
