// When a pipeline stands still, and what is known of it: full edges, frames kept, sources without a
// connection.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "core/pipeline/pipeline_core.hpp"
#include "core/seconds_text.hpp"

namespace freshframe::core {

using Real = std::chrono::steady_clock;

std::vector<const Inbox*> PipelineCore::inboxes() const {
  std::vector<const Inbox*> all;
  for (const auto& worker : workers_) all.push_back(&std::as_const(*worker).inbox());
  for (const auto& reader : readers_) all.push_back(&reader->inbox());
  return all;
}

std::uint64_t PipelineCore::delivered() const {
  std::uint64_t sum = 0;
  for (const auto* inbox : inboxes()) sum += inbox->delivered();
  return sum;
}

bool PipelineCore::anyone_busy() const {
  const bool failed = failure_->failed();
  return std::any_of(workers_.begin(), workers_.end(), [failed](const auto& worker) {
    if (failed && worker->is_source()) return false;  // what it reads now is not waited for
    const auto state = worker->state();
    const bool in_call =
        state == NodeState::Opening || state == NodeState::Working || state == NodeState::WaitingGil;
    return in_call && !worker->blocked();
  });
}

std::optional<std::string> PipelineCore::full_edge() const {
  for (const auto* inbox : inboxes()) {
    if (const auto parent = inbox->full_blocking_parent()) {
      const bool is_reader = std::any_of(readers_.begin(), readers_.end(),
                                         [&](const auto& reader) { return &reader->inbox() == inbox; });
      if (is_reader) return "nobody reads reader '" + inbox->consumer() + "'";
      return "'" + inbox->consumer() + "' takes nothing from '" + *parent + "'";
    }
  }
  return std::nullopt;
}

bool PipelineCore::stands_still() {
  constexpr double kLimitAfterFailure = 5;  // seconds, where the user set none
  if (!options_.stall_timeout && !failure_->failed()) return false;
  const auto moved = delivered();
  const bool busy = anyone_busy();
  const Lock lock(mutex_);
  if (moved != last_delivered_ || busy || phase_ != Phase::Running) {
    last_delivered_ = moved;
    last_moved_ = Real::now();
    return false;
  }
  return Seconds(Real::now() - last_moved_).count() >= options_.stall_timeout.value_or(kLimitAfterFailure);
}

void PipelineCore::throw_stalled(const std::string& why) const {
  throw Stalled("pipeline '" + options_.name + "' has stood still for " +
                seconds_text(*options_.stall_timeout) + ": " + why);
}

void PipelineCore::check_stalled() {
  if (!stands_still()) return;
  failure_->rethrow_if_failed();
  if (const auto edge = full_edge()) {
    throw_stalled(*edge + ", and its queue blocks. Read it, close() it, or give it another queue");
  }
  check_budget_stalled();
}

void PipelineCore::check_budget_stalled() const {
  if (budget_->has_room()) return;
  throw_stalled("its nodes keep all " + std::to_string(budget_->bound()) +
                " frames that the engine may hold. Let frames go, or keep Frame::as_loan()");
}

void PipelineCore::check_stalled_for(const ReaderCore& waiting) {
  if (!stands_still()) return;
  failure_->rethrow_if_failed();
  for (const auto& reader : readers_) {
    if (reader.get() == &waiting || !reader->inbox().full_blocking_parent()) continue;
    const auto text = "the queue of reader '" + reader->name() + "' is full and blocks";
    if (!reader->was_read() || reader->read_by_this_thread()) {
      throw_stalled(text + ", and its samples are not read while reader '" + waiting.name() +
                    "' waits. Read both in turn or on two threads, close() one, or give it another queue");
    }
    if (reader->warn_unread()) {
      log(LogLevel::Warning, "pipeline '" + options_.name + "' has stood still for " +
                                 seconds_text(*options_.stall_timeout) + " while reader '" + waiting.name() +
                                 "' waits: " + text + " until its thread reads on");
    }
    return;
  }
  check_budget_stalled();
}

void PipelineCore::find_ancestors(int node, std::set<int>& found) const {
  if (!found.insert(node).second) return;
  for (const auto& wire : wires_[static_cast<std::size_t>(node)]) find_ancestors(wire.parent, found);
}

std::string PipelineCore::trouble_of_sources(const ReaderCore& reader) const {
  std::set<int> nodes;
  for (std::size_t i = 0; i < readers_.size(); ++i) {
    if (readers_[i].get() != &reader) continue;
    for (const auto& wire : reader_wires_[i]) find_ancestors(wire.parent, nodes);
  }
  std::string text;
  for (const int node : nodes) {
    const auto stats = worker(node).stats();
    if (!stats.source || stats.source->state == SourceState::Reading) continue;
    text += (text.empty() ? "; source '" : ", source '") + stats.name + "' is " +
            std::string(freshframe::to_string(stats.source->state));
    if (!stats.source->last_error.empty()) text += ": " + stats.source->last_error;
  }
  return text;
}

}  // namespace freshframe::core
