// The detection of stalls and their reasons: full edges, kept frames, sources without a connection.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "core/pipeline/graph/graph_look.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "core/unit_text.hpp"

namespace freshframe::core {

bool PipelineCore::anyone_busy() const {
  const bool failed = failure_->failed();
  return std::ranges::any_of(runners(), [failed](const auto& runner) {
    if (failed && runner->is_source()) return false;  // its current read does not matter
    const auto state = runner->meter().state();
    const bool in_call =
        state == NodeState::Opening || state == NodeState::Working || state == NodeState::WaitingGil;
    return in_call && !runner->outlet().blocked();
  });
}

bool PipelineCore::stands_still() {
  constexpr double kLimitAfterFailure = 5;  // seconds, where the user set none
  if (!options_.stall_timeout && !failure_->failed()) return false;
  const auto moved = [this] {
    const Lock building(building_);
    return delivered(graph_);
  }();
  const bool busy = anyone_busy();
  const auto limit = to_duration(Seconds{options_.stall_timeout.value_or(kLimitAfterFailure)});
  const Lock lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  const auto since_look = now - std::exchange(last_look_, now);
  if (moved != last_delivered_ || busy || phase_ != Phase::Running) {
    last_delivered_ = moved;
    stood_still_ = {};
    return false;
  }
  // A machine or a process that stands still for a while looks like a stall when it goes on: nothing has moved. So one
  // interval between two looks is never the whole of a stall.
  stood_still_ += std::min<std::chrono::steady_clock::duration>(since_look, limit / 2);
  return stood_still_ >= limit;
}

void PipelineCore::throw_stalled(const std::string& why) const {
  throw Stalled("pipeline '" + options_.name + "' has made no progress for " +
                seconds_text(*options_.stall_timeout) + ": " + why);
}

void PipelineCore::check_stalled() {
  if (!stands_still()) return;
  failure_->rethrow_if_failed();
  const auto [join, edge, merge] = [this] {
    const Lock building(building_);
    return std::tuple(starved_join(graph_), full_edge(graph_), forgotten_merge(graph_));
  }();
  if (join) throw_stalled(*join);
  if (edge) {
    throw_stalled(*edge + ", and its queue blocks. Read it, close() it, or give it another queue");
  }
  check_budget_stalled();
  if (merge && !options_.keep_running) throw_stalled(*merge);
}

void PipelineCore::check_budget_stalled() const {
  if (budget_->has_room()) return;
  throw_stalled("its nodes keep all " + std::to_string(budget_->bound()) +
                " frames that the engine may hold. Release frames, or store the handles of Frame::keep()");
}

void PipelineCore::check_stalled_for(const ReaderCore& waiting) {
  if (!stands_still()) return;
  failure_->rethrow_if_failed();
  const auto readers = [this] {
    const Lock building(building_);
    return graph_.readers().all();
  }();
  for (const auto& [reader, wires, join] : readers) {
    if (reader.get() == &waiting || !reader->inbox().full_blocking_parent()) continue;
    const auto text = "the queue of reader '" + reader->name() + "' is full and blocks";
    if (!reader->was_read() || reader->read_by_this_thread()) {
      throw_stalled(text + ", and its samples are not read while reader '" + waiting.name() +
                    "' waits. Read both in turn or on two threads, close() one, or give it another queue");
    }
    if (reader->warn_unread()) {
      log(LogLevel::Warning, "pipeline '" + options_.name + "' has made no progress for " +
                                 seconds_text(*options_.stall_timeout) + " while reader '" + waiting.name() +
                                 "' waits: " + text + " until its thread reads again");
    }
    return;
  }
  const auto join = [this] {
    const Lock building(building_);
    return starved_join(graph_);
  }();
  if (join) throw_stalled(*join);
  check_budget_stalled();
}

std::string PipelineCore::trouble_of_sources(const ReaderCore& reader) const {
  std::string text;
  const auto ancestors = [&] {
    const Lock building(building_);
    return ancestors_of(graph_, reader);
  }();
  for (const int node : ancestors) {
    const auto there = runner(node);
    if (!there) continue;
    const auto stats = there->stats(Span::Recent);
    if (!stats.source || stats.source->state == SourceState::Reading) continue;
    text += (text.empty() ? "; source '" : ", source '") + stats.name + "' is " +
            std::string(freshframe::to_string(stats.source->state));
    if (!stats.source->last_error.empty()) text += ": " + stats.source->last_error;
  }
  return text;
}

}  // namespace freshframe::core
