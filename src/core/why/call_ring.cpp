// The ring of calls.
// SPDX-License-Identifier: Apache-2.0
#include "core/why/call_ring.hpp"

#include <algorithm>
#include <bit>

namespace freshframe::core {
namespace {

using CallWord = std::atomic_ref<std::uint64_t>;

}  // namespace

CallRing::CallRing() : words_(std::make_unique_for_overwrite<Words[]>(kCalls)) {}

void CallRing::add(const Call& call) noexcept {
  const auto number = count_.load(std::memory_order_relaxed);
  const auto from = std::bit_cast<Words>(call);
  auto& slot = words_[number % kCalls];
  for (std::size_t i = 0; i < kWords; ++i) CallWord(slot[i]).store(from[i], std::memory_order_release);
  count_.store(number + 1, std::memory_order_release);
}

void CallRing::add_gil(double seconds) noexcept {
  const auto count = count_.load(std::memory_order_relaxed);
  if (count == 0) return;
  auto call = read(count - 1);
  call.gil_within += static_cast<float>(seconds);
  constexpr auto kWord = offsetof(Call, gil_within) / sizeof(std::uint64_t);
  CallWord(words_[(count - 1) % kCalls][kWord])
      .store(std::bit_cast<Words>(call)[kWord], std::memory_order_release);
}

Call CallRing::read(std::uint64_t number) const noexcept {
  Words words;
  auto& slot = words_[number % kCalls];
  for (std::size_t i = 0; i < kWords; ++i) words[i] = CallWord(slot[i]).load(std::memory_order_acquire);
  return std::bit_cast<Call>(words);
}

std::vector<Call> CallRing::calls() const {
  return calls(TimePoint::min());
}

std::vector<Call> CallRing::calls(TimePoint since) const {
  const auto count = count_.load(std::memory_order_acquire);
  const auto oldest = count - std::min<std::uint64_t>(count, kCalls);
  std::vector<Call> out;
  auto first = count;  // the number of the last in `out`
  for (; first > oldest; --first) {
    const auto call = read(first - 1);
    if (call.done < since) break;
    out.push_back(call);
  }
  // The writer may be at the record that follows the newest one: the oldest one of the ring.
  const auto now = count_.load(std::memory_order_acquire);
  while (!out.empty() && first + kCalls <= now) {
    out.pop_back();
    ++first;
  }
  std::ranges::reverse(out);
  return out;
}

}  // namespace freshframe::core
