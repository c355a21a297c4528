// The runs of cameras that an agent has.
// SPDX-License-Identifier: Apache-2.0
#include "fleet/runs.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace freshframe::fleet {
namespace {

constexpr BootTime kLookEvery = std::chrono::milliseconds(900);
constexpr BootTime kRateOver = std::chrono::seconds(3);  // a rate follows a change within about so long
constexpr std::size_t kLongestAnswer = 1000;             // bytes

BootTime age_of(TimePoint captured) {
  return std::chrono::duration_cast<BootTime>(std::chrono::steady_clock::now().time_since_epoch() -
                                              captured.time_since_epoch());
}

std::int64_t since(const std::optional<BootTime>& time, BootTime now) {
  return time ? (now - *time).count() : -1;
}

}  // namespace

bool Watched::is_due(BootTime now) const noexcept {
  return pipeline_ != nullptr && now - looked_ >= kLookEvery;
}

void Watched::look(BootTime now) {
  auto seen = look_at(*pipeline_);
  seen.frames = frames_.look(seen.frames);
  for (std::size_t i = 0; i < seen.drops.size(); ++i) seen.drops[i] = drops_[i].look(seen.drops[i]);
  const auto passed = now - looked_;
  const auto frames = static_cast<double>(seen.frames - seen_.frames);
  if (looked_ != BootTime{}) {
    const double rate = frames / std::chrono::duration<double>(passed).count();
    const double weight = std::min(1.0, std::chrono::duration<double>(passed) / kRateOver);
    fps_ += (rate - fps_) * (fps_ == 0 ? 1 : weight);
  }
  if (frames > 0) gave_ = now;
  if (!seen.is_away) away_.reset();
  if (seen.is_away && !away_) away_ = now;
  if (seen.why.size() > kLongestAnswer) seen.why.resize(kLongestAnswer);
  looked_ = now;
  seen_ = std::move(seen);
}

void Watched::write_to(CameraRecord& record, BootTime now) const {
  record.frames = seen_.frames;
  record.frame_age_ns = since(gave_, now);
  record.away_ns = since(away_, now);
  record.fps = fps_;
  record.drops = seen_.drops;
}

void Runs::open(Run run, bool exclusive) {
  const Lock lock(mutex_);
  auto& state = states_[run];
  if (exclusive && !state.gate) state.gate = std::make_shared<RunGate>(lease_);
}

void Runs::watch(Run run, std::shared_ptr<const core::PipelineCore> pipeline) {
  const Lock lock(mutex_);
  const auto found = states_.find(run);
  if (found != states_.end()) found->second.watched.begin(std::move(pipeline));
}

std::vector<Run> Runs::due(BootTime now) const {
  const Lock lock(mutex_);
  std::vector<Run> due;
  for (const auto& [run, state] : states_) {
    if (state.watched.is_due(now)) due.push_back(run);
  }
  return due;
}

/// One at a time: nodes that put results wait for the mutex.
void Runs::look(BootTime now) {
  for (const Run run : due(now)) {
    const Lock lock(mutex_);
    const auto found = states_.find(run);
    if (found != states_.end() && found->second.watched.is_due(now)) found->second.watched.look(now);
  }
}

bool Runs::close(Run run) {
  std::shared_ptr<const core::PipelineCore> ended;  // destroyed behind the lock
  const Lock lock(mutex_);
  const auto found = states_.find(run);
  if (found == states_.end()) return true;
  if (const auto& gate = found->second.gate) {
    gate->shut();
    if (gate->sessions() > 0) return false;
  }
  ended = found->second.watched.end();
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
    if (state.revoked || allowed.contains(run)) continue;
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
  const auto now = boot_now();
  std::vector<CameraRecord> records;
  records.reserve(states_.size());
  for (const auto& [run, state] : states_) {
    auto& record = records.emplace_back();
    record.epoch = run.epoch;
    record.results = state.results;
    record.age_ns = state.results > 0 ? age_of(state.captured).count() : -1;
    record.refused = state.refused;
    record.camera = run.camera;
    record.sessions = state.gate ? state.gate->sessions() : 0;
    state.watched.write_to(record, now);
  }
  return records;
}

std::vector<Runs::Answer> Runs::answers() const {
  const Lock lock(mutex_);
  std::vector<Answer> answers;
  for (const auto& [run, state] : states_) {
    if (!state.watched.why().empty()) answers.push_back({run, state.watched.why()});
  }
  return answers;
}

}  // namespace freshframe::fleet
