// Another node takes the place of a runner's node, between two of its calls. See Note [Replacing a node].
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "core/look/watched_source.hpp"
#include "core/pipeline/changes/successor.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/runner/runner.hpp"

namespace freshframe::core {

std::shared_ptr<const NodeRun> Runner::node_run() const {
  const Lock lock(run_mutex_);
  return run_;
}

std::shared_ptr<NodeBase> Runner::node() const {
  const Lock lock(run_mutex_);
  return node_of(run_);
}

std::shared_ptr<const SourceBase> Runner::source() const {
  if (!is_source_) return nullptr;
  const Lock lock(run_mutex_);
  return {run_, run_->source()};
}

bool Runner::offer(const std::shared_ptr<Successor>& successor) {
  const auto present = [&] {  // before the runner learns of the other, which it may take at once
    const Lock lock(run_mutex_);
    return run_;
  }();
  {
    const Lock lock(successor_mutex_);
    if (takes_no_successor_) return false;
    successor_ = successor;
    has_successor_.store(true, std::memory_order_release);
  }
  if (is_source_) {
    present->request_stop();  // ends its read()
  } else {
    inbox_->wake();
  }
  return true;
}

bool Runner::withdraw(const Successor& successor) {
  const Lock lock(successor_mutex_);
  if (is_source_ || successor_.get() != &successor) return false;
  successor_.reset();
  return true;
}

bool Runner::take_offered() {
  std::shared_ptr<Successor> successor;
  {
    const Lock lock(successor_mutex_);
    has_successor_.store(false, std::memory_order_relaxed);
    successor = std::exchange(successor_, nullptr);
  }
  if (!successor) return false;
  core_.place(*this, *successor);
  return true;
}

std::shared_ptr<NodeRun> Runner::place(std::shared_ptr<NodeRun> next) {
  auto& counters = next->counters();
  for (int i = 0; i < kNodeDropCauses; ++i) {
    const auto cause = static_cast<NodeDropCause>(i);
    counters.drop(cause, own_->counters().drops(cause));
  }
  if (is_source_) counters.source().follow(own_->counters().source().snapshot(core_.clock()->now()));
  {
    const Lock lock(run_mutex_);
    run_.swap(next);
    own_ = run_.get();
  }
  node_ = &own_->node();
  source_ = own_->source();
  if (auto* const watched = dynamic_cast<WatchedSource*>(node_)) {
    for (const auto& tap : outlet_.taps()) watched->watch(tap);
  }
  stream_.seq_base = next_seq_;
  stream_.is_later = stream_.is_first = true;
  return next;
}

void Runner::refuse_successor() {
  std::shared_ptr<Successor> successor;
  {
    const Lock lock(successor_mutex_);
    takes_no_successor_ = true;
    successor = std::exchange(successor_, nullptr);
  }
  if (successor) core_.refuse_successor(*successor);
}

// As after a reconnection: the numbers go on, and so do the times, by the clock. The times of a file go on by its
// own step.
void Runner::continue_stream(SourceItem<Emitted>& item) {
  if (item.seq) *item.seq += stream_.seq_base;
  if (std::exchange(stream_.is_first, false)) {
    const auto now = core_.clock()->now();
    const auto captured = item.captured == TimePoint{} ? now : std::min(item.captured, now);
    const auto passed = Seconds(captured - stream_.captured).count();
    const bool is_begin = next_seq_ == 0;
    const double step = source_->live() && passed > 0 ? passed : stream_.step;
    stream_.pts_base = is_begin ? 0 : stream_.pts + step - item.pts;
    const auto& frame = item.value.frame;
    if (frame && !is_begin && (frame.width() != stream_.width || frame.height() != stream_.height))
      counters().source().count_size_change();
  }
  item.pts += stream_.pts_base;
}

}  // namespace freshframe::core
