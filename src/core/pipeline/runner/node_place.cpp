// Hands a node's place to a successor: offering, withdrawing, and swapping.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/runner/node_place.hpp"

#include <utility>

namespace freshframe::core {

std::shared_ptr<const NodeRun> NodePlace::run() const {
  const Lock lock(run_mutex_);
  return run_;
}

std::shared_ptr<NodeBase> NodePlace::node() const {
  const Lock lock(run_mutex_);
  return share_node(run_);
}

std::shared_ptr<const SourceBase> NodePlace::source() const {
  const Lock lock(run_mutex_);
  auto* const source = run_->source();
  if (source == nullptr) return nullptr;
  return {run_, source};
}

std::shared_ptr<NodeRun> NodePlace::offer(const std::shared_ptr<Successor>& successor) {
  // Must happen before the runner learns of the successor, which it may take immediately.
  auto present = [&] {
    const Lock lock(run_mutex_);
    return run_;
  }();
  const Lock lock(successor_mutex_);
  if (takes_no_successor_) return nullptr;
  successor_ = successor;
  has_successor_.store(true, std::memory_order_release);
  return present;
}

bool NodePlace::withdraw(const Successor& successor) {
  if (source() != nullptr) return false;
  const Lock lock(successor_mutex_);
  if (successor_.get() != &successor) return false;
  successor_.reset();
  return true;
}

std::shared_ptr<Successor> NodePlace::take_successor() {
  const Lock lock(successor_mutex_);
  has_successor_.store(false, std::memory_order_relaxed);
  return std::exchange(successor_, nullptr);
}

std::shared_ptr<Successor> NodePlace::close() {
  const Lock lock(successor_mutex_);
  takes_no_successor_ = true;
  // `handed_over` is still set if the engine has failed.
  auto& waiting = hosting_.handed_over ? hosting_.handed_over : successor_;
  return std::exchange(waiting, nullptr);
}

std::shared_ptr<NodeRun> NodePlace::put(std::shared_ptr<NodeRun> next) {
  {
    const Lock lock(run_mutex_);
    run_.swap(next);
    own_ = run_.get();
  }
  node_ = &own_->node();
  source_ = own_->source();
  return next;
}

}  // namespace freshframe::core
