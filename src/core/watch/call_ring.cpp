// The ring of calls.
// SPDX-License-Identifier: Apache-2.0
#include "core/watch/call_ring.hpp"

#include <algorithm>

namespace freshframe::core {
namespace {

template <class T>
T load_value(T& member) noexcept {
  return std::atomic_ref<T>(member).load(std::memory_order_acquire);
}

TimePoint load_time(TimePoint::rep& member) noexcept {
  return TimePoint(TimePoint::duration(load_value(member)));
}

}  // namespace

CallRing::CallRing() : pages_(kCalls * sizeof(Record)), records_(static_cast<Record*>(pages_.data())) {}

void CallRing::add_gil(double seconds) noexcept {
  const auto count = count_.load(std::memory_order_relaxed);
  if (count == 0) return;
  auto& within = records_[(count - 1) % kCalls].gil_within;
  put(within, load_value(within) + static_cast<float>(seconds));
}

Call CallRing::read(std::uint64_t number) const noexcept {
  auto& from = records_[number % kCalls];
  return {.seq = load_value(from.seq),
          .source = load_value(from.source),
          .part = load_value(from.part),
          .from = load_value(from.from),
          .gathered = load_value(from.gathered),
          .taken = load_time(from.taken),
          .done = load_time(from.done),
          .waited = load_value(from.waited),
          .start = load_value(from.start),
          .gil_before = load_value(from.gil_before),
          .gil_within = load_value(from.gil_within),
          .order = load_value(from.order)};
}

std::vector<Call> CallRing::calls() const {
  return calls(TimePoint::min());
}

std::vector<Call> CallRing::calls(TimePoint since) const {
  const auto count = count_.load(std::memory_order_acquire);
  const auto oldest = count - std::min<std::uint64_t>(count, kCalls);
  std::vector<Call> out;
  auto first = count;  // number of the last call in `out`
  for (; first > oldest; --first) {
    const auto call = read(first - 1);
    if (call.done < since) break;
    out.push_back(call);
  }
  // The writer may be overwriting the record after the newest one, which is the oldest.
  const auto now = count_.load(std::memory_order_acquire);
  while (!out.empty() && first + kCalls <= now) {
    out.pop_back();
    ++first;
  }
  std::ranges::reverse(out);
  return out;
}

}  // namespace freshframe::core
