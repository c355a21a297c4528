// A queue of threads, of which a few may be inside.
// SPDX-License-Identifier: Apache-2.0
#include "core/turnstile.hpp"

#include <utility>

namespace freshframe::core {

Turnstile::Turnstile(std::shared_ptr<const Clock> clock, std::size_t places, Seconds patience)
    : clock_(std::move(clock)), places_(places), patience_(to_duration(patience)) {}

void Turnstile::enter() {
  const Lock lock(mutex_);
  if (queue_.empty() && inside_ < places_) {
    ++inside_;
    moved_ = clock_->now();
    return;
  }
  Waiting self;
  queue_.push_back(&self);
  wait_locked(self);
}

void Turnstile::wait_locked(Waiting& self) {
  while (!self.inside) {
    ++sleeps_;
    if (queue_.front() != &self) {
      self.called.wait(mutex_,
                       [&]() FRESHFRAME_REQUIRES(mutex_) { return self.inside || queue_.front() == &self; });
      continue;
    }
    const auto called = [&] { return self.inside; };
    if (self.called.wait_until(mutex_, *clock_, moved_ + patience_, called)) return;
    // Otherwise a thread has left in the meantime.
    if (clock_->now() >= moved_ + patience_) admit_locked(inside_);
  }
}

void Turnstile::admit_locked(std::size_t count) {
  for (; count > 0 && !queue_.empty(); --count) {
    auto& next = *queue_.front();
    queue_.pop_front();
    next.inside = true;
    ++inside_;
    next.called.notify_one();
  }
  moved_ = clock_->now();
  // The first thread in the queue now waits for `patience`.
  if (!queue_.empty()) queue_.front()->called.notify_one();
}

void Turnstile::leave() {
  const Lock lock(mutex_);
  --inside_;
  moved_ = clock_->now();
  if (inside_ < places_) admit_locked(1);
}

Turnstile::Counts Turnstile::counts() const {
  const Lock lock(mutex_);
  return {inside_, queue_.size(), sleeps_};
}

}  // namespace freshframe::core
