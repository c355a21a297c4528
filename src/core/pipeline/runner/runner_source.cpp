// The runner of a source: an item becomes a sample, which goes to every child.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/log.hpp"
#include "freshframe/packet.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/frame/frame_access.hpp"
#include "core/pipeline/own_counter.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/runner/runner.hpp"

namespace freshframe::core {
namespace {

/// A part of the picture was lost, whether it is decoded or not.
bool is_damaged(const Emitted& item) {
  const auto* const packet = item.value.as<Packet>();
  return item.frame.damaged() || (packet != nullptr && packet->damaged);
}

}  // namespace

inline void Runner::note_item(const SourceItem<Emitted>& item, TimePoint captured) noexcept {
  if (item.pts > stream_.pts) stream_.step = item.pts - stream_.pts;
  stream_.pts = item.pts;
  stream_.captured = captured;
  if (!item.value.frame) return;
  stream_.width = item.value.frame.width();
  stream_.height = item.value.frame.height();
}

bool Runner::would_wait(const SourceItem<Emitted>& item) {
  return (item.value.frame && !source_->live()) || outlet_.would_wait();
}

bool Runner::publish(SourceItem<Emitted> item) {
  return publish(std::move(item), core_.clock()->now(), Inbox::waited_for_room());
}

bool Runner::publish(SourceItem<Emitted>&& item, TimePoint now, std::chrono::nanoseconds waited) {
  const auto seq = item.seq.value_or(next_seq_);
  next_seq_ = seq + 1;
  add(processed_, 1);
  auto& frame = item.value.frame;
  if (frame) {
    if (!admit()) return !stopping();
    if (FrameAccess::is_loan(frame)) frame = FrameAccess::engine(frame);
    FrameAccess::attach(frame, core_.budget());
  }
  const auto captured = captured_of(item, now);
  note_item(item, captured);
  const bool damaged = is_damaged(item.value);
  const auto utc = utc_of(item, captured);
  auto call = Call::of({.seq = seq, .source = index_, .part = 0, .from = index_});
  call.taken = captured;
  call.done = now;
  call.waited = waited.count();
  calls_.add(call);
  outlet_.send({.stamp = {seq, item.pts, captured, index_, damaged, std::move(item.path), utc, 0},
                .frame = std::move(frame),
                .value = std::move(item.value.value),
                .node = index_});
  count_rate(now);
  return !stopping();
}

void Runner::check_seq(const SourceItem<Emitted>& item) const {
  if (!item.seq || *item.seq >= next_seq_) return;
  const auto given = "gave the seq " + std::to_string(*item.seq);
  throw Error(next_seq_ == 0
                  ? given + "; it must be a number from 0"
                  : given + " after " + std::to_string(next_seq_ - 1) +
                        ", but each must be greater than the one before: continue a counter that wraps or "
                        "begins again, or give none, which is the next number");
}

TimePoint Runner::captured_of(const SourceItem<Emitted>& item, TimePoint now) {
  if (item.captured == TimePoint{}) return now;
  const double ahead = Seconds(item.captured - now).count();
  if (ahead > 1 && !clock_logged_) {
    clock_logged_ = true;
    log(LogLevel::Warning, "source '" + name_ + "' gave a capture time " +
                               std::to_string(std::llround(ahead)) +
                               " s ahead of the pipeline's clock, which counts as now: `captured` must be of "
                               "CLOCK_MONOTONIC, as time.monotonic() is");
  }
  return std::min(item.captured, now);
}

Utc Runner::utc_of(const SourceItem<Emitted>& item, TimePoint captured) const {
  if (item.utc.from != UtcFrom::None || !source_->live()) return item.utc;
  return {.seconds = core_.clock()->unix_time(captured), .from = UtcFrom::Arrival};
}

bool Runner::admit() {
  auto& budget = *core_.budget();
  if (budget.has_room()) return true;
  if (!source_->live()) {
    outlet_.set_blocked(true);
    const bool room = budget.wait_for_room(stop_token_);
    outlet_.set_blocked(false);
    if (room) return true;
  }
  counters().drop(NodeDropCause::Pool);
  return false;
}

}  // namespace freshframe::core
