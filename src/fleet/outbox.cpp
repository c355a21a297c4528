// The outbox.
// SPDX-License-Identifier: Apache-2.0
#include "fleet/outbox.hpp"

#include <utility>

namespace freshframe::fleet {

Outbox::Outbox(Run run, std::uint32_t reader, OutboxLimits limits) noexcept : limits_(limits) {
  record_.camera = run.camera;
  record_.epoch = run.epoch;
  record_.reader = reader;
}

void Outbox::put(Result result) {
  const auto size = result.bytes->size();
  if (size > limits_.size_bytes) {
    ++record_.reported;
    ++record_.full;
    return;
  }
  waiting_.push_back({record_.reported, std::move(result)});  // may throw: nothing is counted yet
  ++record_.reported;
  size_bytes_ += size;
  while (waiting_.size() > limits_.results || size_bytes_ > limits_.size_bytes) {
    pop();
    ++record_.full;
  }
  record_.waiting = waiting_.size();
}

void Outbox::put_expired() noexcept {
  ++record_.reported;
  ++record_.expired;
}

Outbox::Taken Outbox::take() {
  auto& first = waiting_.front();
  Taken taken;
  taken.record = {.epoch = record_.epoch,
                  .ordinal = first.ordinal,
                  .seq = first.result.seq,
                  .part = first.result.part,
                  .pts = first.result.pts,
                  .time = first.result.time,
                  .camera = record_.camera,
                  .size_bytes = static_cast<std::uint32_t>(first.result.bytes->size())};
  taken.bytes = first.result.bytes;
  pop();
  ++record_.handed;
  record_.waiting = waiting_.size();
  return taken;
}

void Outbox::shrink(std::size_t size_bytes) noexcept {
  while (size_bytes_ > size_bytes) {
    pop();
    ++record_.full;
  }
  record_.waiting = waiting_.size();
}

void Outbox::expire() noexcept {
  record_.expired += drop_all();
}

void Outbox::fence() noexcept {
  record_.fenced += drop_all();
}

void Outbox::pop() noexcept {
  size_bytes_ -= waiting_.front().result.bytes->size();
  waiting_.pop_front();
}

std::uint64_t Outbox::drop_all() noexcept {
  const auto count = waiting_.size();
  waiting_.clear();
  size_bytes_ = 0;
  record_.waiting = 0;
  return count;
}

}  // namespace freshframe::fleet
