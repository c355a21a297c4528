// Another node takes the place of a running one: between two of its calls, on its thread.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"

#include <algorithm>
#include <utility>

#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/runner.hpp"
#include "core/pipeline/successor.hpp"
#include <cxxabi.h>

namespace freshframe::core {

bool Runner::begin_replacement(const std::shared_ptr<Successor>& successor) {
  const Lock lock(successor_mutex_);
  if (successor_ != nullptr || takes_no_successor_) return false;
  successor_ = successor;
  return true;
}

void Runner::end_replacement() {
  const Lock lock(successor_mutex_);
  successor_.reset();
}

void Runner::call_successor() {
  has_successor_.store(true, std::memory_order_release);
  const auto reading = this->reading();
  if (reading) reading->stop.request_stop();
  inbox_->wake();
}

std::shared_ptr<Reading> Runner::reading() const {
  const Lock lock(successor_mutex_);
  return reading_;
}

bool Runner::is_replaced() const noexcept {
  return has_successor_.load(std::memory_order_acquire) && !context_.stop.stop_requested();
}

void Runner::take_successor() {
  if (!has_successor_.exchange(false, std::memory_order_acq_rel)) return;
  std::shared_ptr<Successor> successor;
  {
    const Lock lock(successor_mutex_);
    successor = std::exchange(successor_, nullptr);
    if (successor && successor->reading) reading_ = successor->reading;
  }
  if (!successor) return;
  core_.place(*this, *successor);
  std::exception_ptr error;
  try {
    expect_no_lock();
    successor->node->close();  // the one that was here
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (...) {
    error = std::current_exception();
  }
  core_.end_replacement(*this, *successor, Successor::State::Placed, std::move(error));
}

void Runner::place(std::shared_ptr<NodeBase>& node) noexcept {
  node_.swap(node);
  source_ = node_->is_source() ? static_cast<SourceBase*>(node_.get()) : nullptr;
  seq_base_ = next_seq_;
  was_replaced_ = follows_ = true;
}

// The stream of the source before goes on, as after a reconnection.
void Runner::continue_stream(SourceItem<Emitted>& item) {
  if (item.seq) *item.seq += seq_base_;
  if (std::exchange(follows_, false)) {
    const auto now = core_.clock()->now();
    const auto captured = item.captured == TimePoint{} ? now : std::min(item.captured, now);
    pts_base_ = next_seq_ == 0 ? 0 : last_pts_ + Seconds(captured - last_captured_).count() - item.pts;
  }
  item.pts += pts_base_;
}

// The runner has ended before its successor was there.
void Runner::leave_successor() {
  std::shared_ptr<Successor> successor;
  {
    const Lock lock(successor_mutex_);
    takes_no_successor_ = true;
    successor = std::exchange(successor_, nullptr);
  }
  if (!successor) return;
  core_.end_replacement(
      *this, *successor, Successor::State::Failed,
      std::make_exception_ptr(StateError("'" + name_ + "' has ended: nothing was replaced")));
}

}  // namespace freshframe::core
