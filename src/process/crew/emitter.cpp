// Emits results in order, on the control thread if possible.
// SPDX-License-Identifier: Apache-2.0
#include "process/crew/emitter.hpp"

#include "freshframe/error.hpp"

#include <system_error>
#include <utility>

namespace freshframe::process {

Emitter::Emitter(core::Runner& runner, bool ordered, std::shared_ptr<Bell> bell, Refuse refuse)
    : runner_(runner), ordered_(ordered), bell_(std::move(bell)), refuse_(std::move(refuse)) {}

Emitter::~Emitter() {
  finish();
}

std::uint64_t Emitter::take_ticket() {
  outstanding_.fetch_add(1, std::memory_order_relaxed);
  if (!ordered_) open_.insert(next_ticket_);
  return next_ticket_++;
}

void Emitter::offer(std::uint64_t ticket, Outcome outcome) {
  if (!ordered_) {
    pass_on(std::move(outcome));
    open_.erase(ticket);
    pass_ends();
    return;
  }
  early_.emplace(ticket, std::move(outcome));
  while (!early_.empty() && early_.begin()->first == next_out_) {
    auto next = std::move(early_.extract(early_.begin()).mapped());
    ++next_out_;
    pass_on(std::move(next));
  }
}

void Emitter::end_source(const core::GoneSource& gone) {
  if (ordered_) {
    offer(take_ticket(), {.from = {}, .gone = gone});
    return;
  }
  ends_of_sources_.emplace_back(next_ticket_, gone);
  pass_ends();
}

void Emitter::pass_ends() {
  while (!ends_of_sources_.empty() && (open_.empty() || ends_of_sources_.front().first <= *open_.begin())) {
    outstanding_.fetch_add(1, std::memory_order_relaxed);
    pass_on({.from = {}, .gone = ends_of_sources_.front().second});
    ends_of_sources_.pop_front();
  }
}

std::vector<AnySample> Emitter::stamp_results(Outcome& outcome) {
  std::vector<AnySample> samples;
  for (auto& result : outcome.results) {
    try {
      samples.push_back(runner_.outlet().stamp_result(std::move(result), outcome.from));
    } catch (const Error&) {
      outcome.processed = false;
      refuse_(std::current_exception(), outcome.from);
      break;
    }
  }
  return samples;
}

void Emitter::send(Leaving& leaving) {
  for (auto& sample : leaving.samples) runner_.outlet().send(std::move(sample));
  leaving.samples.clear();
  if (leaving.gone) runner_.outlet().end_edges(*leaving.gone);
}

void Emitter::pass_on(Outcome outcome) {
  Leaving leaving{stamp_results(outcome), {}};
  if (outcome.gone && runner_.end_stamps(*outcome.gone)) leaving.gone = outcome.gone;
  auto& samples = leaving.samples;
  if (outcome.processed) runner_.meter().count_processed(outcome.call);
  outcome.from = {};
  // Only this thread adds to the queue. While the queue is empty and the other thread is idle, it may emit
  // directly.
  while (!samples.empty() && is_idle() && !runner_.outlet().would_wait()) {
    runner_.outlet().send(std::move(samples.front()));
    samples.erase(samples.begin());
  }
  const bool is_ready = samples.empty() && (!leaving.gone || is_idle());
  // Without a thread the queue is empty, so waiting here keeps the order.
  if (is_ready || (!thread_.joinable() && !begin_thread())) {
    send(leaving);
    done();
    return;
  }
  {
    const Lock lock(mutex_);
    queue_.push_back(std::move(leaving));
  }
  changed_.notify_one();
}

/// Returns false if no thread can be created now.
bool Emitter::begin_thread() {
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error&) {
    return false;
  }
  return true;
}

bool Emitter::is_idle() {
  const Lock lock(mutex_);
  return queue_.empty() && !busy_;
}

void Emitter::run() {
  Lock lock(mutex_);
  while (true) {
    changed_.wait(mutex_, [&]() FRESHFRAME_REQUIRES(mutex_) { return !queue_.empty() || ends_; });
    if (queue_.empty()) return;
    auto leaving = std::move(queue_.front());
    queue_.pop_front();
    busy_ = true;
    lock.unlock();
    send(leaving);
    done();
    bell_->ring();
    lock.lock();
    busy_ = false;
  }
}

void Emitter::done() noexcept {
  outstanding_.fetch_sub(1, std::memory_order_release);
}

void Emitter::finish() {
  {
    const Lock lock(mutex_);
    ends_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

}  // namespace freshframe::process
