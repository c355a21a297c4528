// The runner of a source: an item becomes a sample, which goes to every child.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/packet.hpp"

#include <utility>

#include "core/frame/frame_access.hpp"
#include "core/pipeline/runner/runner.hpp"

namespace freshframe::core {
namespace {

/// A part of the picture was lost, whether it is decoded or not.
bool is_damaged(const Emitted& item) {
  const auto* const packet = item.value.as<Packet>();
  return item.frame.damaged() || (packet != nullptr && packet->damaged);
}

// Room for one more frame: waits (file) or counts a drop (live).
bool admit(Runner& runner, FrameBudget& budget) {
  if (budget.has_room()) return true;
  auto& place = runner.place();
  if (!place.own_source()->live()) {
    runner.outlet().set_blocked(true);
    const bool room = budget.wait_for_room(runner.life().stop_token());
    runner.outlet().set_blocked(false);
    if (room) return true;
  }
  place.counters().drop(NodeDropCause::Pool);
  return false;
}

}  // namespace

bool Runner::wait_for_go() {
  const bool go = host_.wait_for_start(*this) && !life_.stopping();
  meter_.begin_thread_time();
  return go;
}

bool Runner::publish(SourceItem<Emitted>&& item, TimePoint now, std::chrono::nanoseconds waited) {
  const auto seq = stream_.take_seq(item);
  meter_.count_item();
  auto& frame = item.value.frame;
  if (frame) {
    if (!admit(*this, *shared_.budget)) return !life_.stopping();
    if (FrameAccess::is_loan(frame)) frame = FrameAccess::engine(frame);
    FrameAccess::attach(frame, shared_.budget);
  }
  const auto captured = stream_.captured_of(item, now);
  stream_.note(item, captured);
  const bool damaged = is_damaged(item.value);
  const auto utc = stream_.utc_of(item, captured, place_.own_source()->live());
  auto call = Call::of({.seq = seq, .source = facts_.index, .part = 0, .from = facts_.index});
  call.taken = captured;
  call.done = now;
  call.waited = waited.count();
  meter_.record(call);
  outlet_.send({.stamp = {seq, item.pts, captured, facts_.index, damaged, std::move(item.path), utc, 0},
                .frame = std::move(frame),
                .value = std::move(item.value.value),
                .node = facts_.index});
  meter_.count_rate(now);
  return !life_.stopping();
}

}  // namespace freshframe::core
