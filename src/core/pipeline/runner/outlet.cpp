// Stamps and numbers results, and sends them to the children.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/runner/outlet.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "core/frame/frame_access.hpp"

namespace freshframe::core {

// The address of a position is stable as long as its source exists.
Outlet::Position& Outlet::get_position(int source) {
  if (last_position_ == nullptr || last_source_ != source) {
    last_position_ = &positions_[source];
    last_source_ = source;
  }
  return *last_position_;
}

bool Outlet::would_wait() {
  const auto& edges = outputs_.list().edges;
  return std::ranges::any_of(edges, [last = is_last()](const OutputEdge& output) {
    return output.inbox->would_wait(*output.edge, last);
  });
}

std::shared_ptr<PictureTap> Outlet::tap(int source) {
  const Lock lock(taps_mutex_);
  const auto found = std::ranges::find(taps_, source, &Tapped::source);
  if (found != taps_.end()) return found->tap;
  tap_count_.fetch_add(1, std::memory_order_relaxed);
  return taps_.emplace_back(Tapped{source, std::make_shared<PictureTap>()}).tap;
}

std::vector<std::shared_ptr<PictureTap>> Outlet::taps() {
  const Lock lock(taps_mutex_);
  std::vector<std::shared_ptr<PictureTap>> all;
  for (const auto& each : taps_) all.push_back(each.tap);
  return all;
}

bool Outlet::has_tap(int source, const PictureTap& tap) {
  const Lock lock(taps_mutex_);
  const auto found = std::ranges::find(taps_, source, &Tapped::source);
  return found != taps_.end() && found->tap.get() == &tap;
}

void Outlet::forget_tap(const PictureTap& tap) {
  std::shared_ptr<PictureTap> kept;  // destroyed without the mutex
  const Lock lock(taps_mutex_);
  const auto found = std::ranges::find_if(taps_, [&](const auto& each) { return each.tap.get() == &tap; });
  if (found == taps_.end()) return;
  kept = std::move(found->tap);
  taps_.erase(found);
  tap_count_.fetch_sub(1, std::memory_order_relaxed);
}

void Outlet::offer_to_taps(const AnySample& sample) {
  std::vector<std::shared_ptr<PictureTap>> asked;
  {
    const Lock lock(taps_mutex_);
    for (const auto& [source, tap] : taps_) {
      if (source < 0 || source == sample.stamp.source) asked.push_back(tap);
    }
  }
  for (const auto& tap : asked) tap->offer(sample);
}

void Outlet::check(const Stamp& stamp) {
  const auto list = outputs_.newest();  // not list(), which is only for the sending thread
  const auto& sources = *list->sources;
  if (!std::binary_search(sources.begin(), sources.end(), stamp.source) &&
      std::ranges::find(list->left, stamp.source) == list->left.end()) {
    throw Error(
        "returned a result with the stamp of sample " + std::to_string(stamp.seq) +
        " of a source whose samples do not reach this node: pass like= a sample that this node received");
  }
  drop_old_places(*list);
  const auto& place = get_position(stamp.source);
  if (stamp.seq >= place.seq) return;
  throw Error("returned a result with the stamp of sample " + std::to_string(stamp.seq) +
              " after one of sample " + std::to_string(place.seq) +
              " of the same source, but a stream cannot go backwards: delay all results of a node, or none");
}

void Outlet::drop_old_places(const Outputs::List& list) {
  if (positions_.size() <= list.sources->size() + list.left.size()) return;
  std::erase_if(positions_, [&](const auto& each) {
    return !std::ranges::binary_search(*list.sources, each.first) &&
           std::ranges::find(list.left, each.first) == list.left.end();
  });
  last_position_ = nullptr;
}

AnySample Outlet::stamp_result(Emitted result, const AnySample& from) {
  const Stamp& stamp = result.like ? *result.like : from.stamp;
  if (result.like) {
    check(stamp);
    delays_.store(true, std::memory_order_relaxed);
  }
  AnySample sample{stamp, {}, std::move(result.value), 0, node_};
  auto& place = get_position(stamp.source);
  if (gives_several_ || result.like || stamp.source == node_)
    sample.stamp.part = stamp.seq == place.seq ? place.part + 1 : 0;
  place = {stamp.seq, sample.stamp.part};
  const bool is_frame = !sample.value;
  const bool has_own = is_frame || static_cast<bool>(result.frame);
  if (has_own || result.like) {
    sample.frame = std::move(result.frame);
  } else {
    sample.frame = from.frame;
  }
  if (FrameAccess::is_loan(sample.frame)) sample.frame = FrameAccess::engine(sample.frame);
  if (sample.stamp.damaged) sample.frame.mark_damaged();
  // A frame that is already attached to a budget has arrived from upstream and is only passed on.
  if (has_own && stamp.source != node_ && !FrameAccess::is_attached(sample.frame))
    FrameAccess::mark_moved(sample.frame);
  if (is_frame) FrameAccess::attach(sample.frame, budget_);
  return sample;
}

void Outlet::emit(Emitted result, const AnySample& from) {
  if (!result.like && outputs_.list().edges.empty() && !anyone_looks()) return count_given();
  send(stamp_result(std::move(result), from));
}

void Outlet::send(AnySample&& sample) {
  if (anyone_looks()) offer_to_taps(sample);
  count_given();
  const bool is_last = is_last_.load(std::memory_order_relaxed);
  const auto& edges = outputs_.list().edges;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const auto& [inbox, edge, source] = edges[i];
    // NOLINTNEXTLINE(bugprone-use-after-move): the last turn of the loop moves it
    if (source >= 0 && source != sample.stamp.source) continue;
    if (i + 1 == edges.size()) {
      inbox->put(*edge, std::move(sample), blocked_, is_last);
    } else {
      inbox->put(*edge, AnySample(sample), blocked_, is_last);
    }
  }
}

void Outlet::end_edges() {
  const auto newest = outputs_.end_edges();  // keeps the list alive, since another thread may replace it
  for (const auto& output : newest->edges) output.inbox->end_edge(*output.edge);
}

void Outlet::end_edges(const GoneSource& gone) {
  // First, so that an edge added at the same time is either in the list or ends in Outputs::add().
  outputs_.end_edges(gone);
  const auto newest = outputs_.newest();
  for (const auto& output : newest->edges) {
    const bool comes = output.source < 0 || output.source == gone.source;
    if (comes) output.inbox->end_edge(*output.edge, gone.source, gone.upto);
  }
}

void Outlet::forget_place(int source) {
  if (last_source_ == source) last_position_ = nullptr;
  positions_.erase(source);
}

}  // namespace freshframe::core
