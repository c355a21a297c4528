// The runs of cameras that an agent has.
// SPDX-License-Identifier: Apache-2.0
#include "fleet/runs.hpp"

#include <algorithm>
#include <chrono>

namespace freshframe::fleet {
namespace {

BootTime age_of(TimePoint captured) {
  return std::chrono::duration_cast<BootTime>(std::chrono::steady_clock::now().time_since_epoch() -
                                              captured.time_since_epoch());
}

}  // namespace

void Runs::open(Run run, bool exclusive) {
  const Lock lock(mutex_);
  auto& state = states_[run];
  if (exclusive && !state.gate) state.gate = std::make_shared<RunGate>(lease_);
}

bool Runs::close(Run run) {
  const Lock lock(mutex_);
  const auto found = states_.find(run);
  if (found == states_.end()) return true;
  if (const auto& gate = found->second.gate) {
    gate->shut();
    if (gate->sessions() > 0) return false;
  }
  states_.erase(found);
  return true;
}

std::shared_ptr<core::SessionGate> Runs::gate(Run run) const {
  const Lock lock(mutex_);
  const auto found = states_.find(run);
  return found != states_.end() ? found->second.gate : nullptr;
}

bool Runs::note_result(Run run, TimePoint captured) {
  const Lock lock(mutex_);
  const auto found = states_.find(run);
  if (found == states_.end()) return false;
  auto& state = found->second;
  if (state.gate && !lease_->covers(boot_now() - age_of(captured))) {
    ++state.refused;
    return false;
  }
  ++state.results;
  state.captured = std::max(state.captured, captured);
  return true;
}

std::vector<Run> Runs::revoke(const std::set<Run>& allowed) {
  std::vector<Run> revoked;
  const Lock lock(mutex_);
  for (auto& [run, state] : states_) {
    if (state.revoked || allowed.count(run) > 0) continue;
    state.revoked = true;
    if (state.gate) state.gate->shut();
    revoked.push_back(run);
  }
  return revoked;
}

bool Runs::has_exclusive_session() const {
  const Lock lock(mutex_);
  return std::any_of(states_.begin(), states_.end(),
                     [](const auto& each) { return each.second.gate && each.second.gate->sessions() > 0; });
}

std::vector<CameraRecord> Runs::records() const {
  const Lock lock(mutex_);
  std::vector<CameraRecord> records;
  records.reserve(states_.size());
  for (const auto& [run, state] : states_) {
    records.push_back({.epoch = run.epoch,
                       .results = state.results,
                       .age_ns = state.results > 0 ? age_of(state.captured).count() : -1,
                       .refused = state.refused,
                       .camera = run.camera,
                       .sessions = state.gate ? state.gate->sessions() : 0});
  }
  return records;
}

}  // namespace freshframe::fleet
