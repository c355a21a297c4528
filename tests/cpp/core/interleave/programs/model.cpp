// The operations of the model, and the search for an order of calls that explains the results.
// SPDX-License-Identifier: Apache-2.0
#include "model.hpp"

#include <algorithm>
#include <cstddef>

namespace freshframe::interleave {
namespace {

std::uint64_t drops_of(const EdgeStats& stats, DropCause cause) {
  const auto found = stats.drops.find(cause);
  return found == stats.drops.end() ? 0 : found->second;
}

bool explains_rest(const Model& model, const std::vector<Call>& calls, unsigned done,
                   const EdgeStats& stats) {
  if (done == (1U << calls.size()) - 1) return model.has_counters_of(stats);
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if ((done >> i & 1U) != 0) continue;
    bool comes_later = false;  // a pending call ended before this one began, so it must come first
    for (std::size_t k = 0; k < calls.size(); ++k) {
      comes_later = comes_later || ((done >> k & 1U) == 0 && calls[k].end < calls[i].begin);
    }
    if (comes_later) continue;
    auto next = model;
    if (next.apply(calls[i]) && explains_rest(next, calls, done | 1U << i, stats)) return true;
  }
  return false;
}

}  // namespace

bool Model::put(int seq) {
  if (!is_closed_ && waiting_.size() >= static_cast<std::size_t>(queue_.depth) && queue_.blocks())
    return false;
  ++passed_;
  if (is_closed_) {
    ++stopped_;
    ++lost_;
    return true;
  }
  if (waiting_.size() >= static_cast<std::size_t>(queue_.depth)) {
    ++full_;
    ++lost_;
    if (queue_.when_full == WhenFull::DropNewest) return true;
    waiting_.pop_front();
  }
  waiting_.push_back(seq);
  return true;
}

void Model::skip() {
  for (; !is_closed_ && waiting_.size() > 1; waiting_.pop_front()) {
    ++skipped_;
    ++lost_;
  }
}

bool Model::take(const Call& call) {
  if (is_closed_ || (waiting_.empty() && has_ended_)) return call.seq == kEnded;
  if (waiting_.empty()) return call.seq == kNothing && call.kind != Call::Kind::Take;  // a take waits
  if (waiting_.front() != call.seq || call.lost != lost_) return false;
  waiting_.pop_front();
  ++delivered_;
  lost_ = 0;
  return true;
}

bool Model::apply(const Call& call) {
  switch (call.kind) {
    case Call::Kind::Put:
      return put(call.seq);
    case Call::Kind::Newest:
      skip();
      [[fallthrough]];
    case Call::Kind::Take:
      return take(call);
    case Call::Kind::Close:
      is_closed_ = true;
      stopped_ += waiting_.size();
      lost_ += waiting_.size();
      waiting_.clear();
      return true;
    case Call::Kind::End:
      has_ended_ = true;
      return true;
  }
  return false;
}

bool Model::has_counters_of(const EdgeStats& stats) const {
  return passed_ == stats.passed_in && delivered_ == stats.delivered &&
         full_ == drops_of(stats, DropCause::QueueFull) && skipped_ == drops_of(stats, DropCause::Skipped) &&
         stopped_ == drops_of(stats, DropCause::Stop) && waiting_.size() == stats.waiting;
}

bool explains(const Model& model, const std::vector<Call>& calls, const EdgeStats& stats) {
  return explains_rest(model, calls, 0, stats);
}

}  // namespace freshframe::interleave
