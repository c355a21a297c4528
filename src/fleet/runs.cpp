// The camera runs of an agent.
// SPDX-License-Identifier: Apache-2.0
#include "fleet/runs.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string_view>
#include <utility>

#include "core/pipeline/pipeline_core.hpp"
#include "core/utf8.hpp"

namespace freshframe::fleet {

namespace {

constexpr std::string_view kOutlet = "fleet ";  // prefix of the names of outlets, see _agent/run.py

/// Returns nullopt for samples dropped by an option, which are not losses.
template <class Cause>
std::optional<Loss> find_loss(Cause cause) noexcept {
  const auto& kind = describe_cause(cause);
  if (kind.meaning == DropMeaning::ByDesign) return std::nullopt;
  const auto found = std::ranges::find(kLossNames, kind.name);
  // "removed" has no loss of its own: the program dropped these samples on purpose, as a stop does.
  return found != kLossNames.end() ? static_cast<Loss>(found - kLossNames.begin()) : Loss::Stop;
}

void add(PipelineCounts& counts, Loss loss, std::uint64_t count) {
  counts.drops[static_cast<std::size_t>(loss)] += count;
}

/// A source is away from its loss until its next frame, or while it is connected but delivers nothing.
void see_source(PipelineCounts& counts, const core::Runner& runner) {
  const auto run = runner.place().run();
  if (!run->source()->has_source_stats() || runner.life().is_finished()) return;
  const auto& book = run->counters().source();
  const bool is_silent = book.state() == SourceState::Stalled;
  if (!is_silent && !book.is_lost()) return;
  counts.is_away = true;
  const auto error = book.is_lost() ? book.snapshot({}).last_error : "it is connected, and nothing comes";
  if (counts.why.empty()) counts.why = error;
}

void see_node(PipelineCounts& counts, const core::Runner& runner) {
  std::uint64_t lost = 0;
  for (int i = 0; i < kNodeDropCauses; ++i) {
    const auto cause = static_cast<NodeDropCause>(i);
    const auto loss = find_loss(cause);
    if (!loss) continue;
    const auto count = runner.place().run()->counters().drops(cause);
    add(counts, *loss, count);
    lost += count;
  }
  if (runner.is_source()) {
    counts.frames += runner.meter().processed_count() + lost;
    see_source(counts, runner);
    return;
  }
  for (const auto& edge : runner.inbox().stats()) {
    for (const auto& [cause, count] : edge.drops) {
      if (const auto loss = find_loss(cause)) add(counts, *loss, count);
    }
  }
}

using Runners = std::vector<std::shared_ptr<core::Runner>>;

using Way = std::set<std::pair<int, int>>;  // nodes, each with the source whose samples pass, or -1 for all

/// The source to which an edge limits the samples, -1 for all, or nullopt if no sample can pass.
std::optional<int> find_limit(const core::EdgeSetup& edge, int only, core::Runner& parent) {
  if (only >= 0 && edge.only_source >= 0 && edge.only_source != only) return std::nullopt;
  const int limit = std::max(only, edge.only_source);
  const auto outputs = parent.outlet().outputs().newest();  // kept alive while its sources are read
  if (limit >= 0 && !std::ranges::binary_search(*outputs->sources, limit)) return std::nullopt;
  return limit;
}

// _agent/ways.py does the same with the statistics of a pipeline that has ended.
void find_on_the_way(const core::Runner& node, int only, const Runners& all, Way& found) {
  if (!found.emplace(node.index(), only).second) return;
  bool is_first = true;
  for (const auto& edge : core::list_edges(node.inbox())) {
    // A join makes its samples from those of all its parents, and a node its own stream from everything that
    // it receives.
    const bool passes_on = node.index() != only && (is_first || !edge.joined);
    is_first = false;
    const auto parent =
        std::ranges::find_if(all, [&](const auto& each) { return each->index() == edge.parent; });
    if (parent == all.end()) continue;
    const auto limit = find_limit(edge, passes_on ? only : -1, **parent);
    if (limit) find_on_the_way(**parent, *limit, all, found);
  }
}

/// The numbers of all nodes upstream of the fleet's outlets.
std::set<int> on_the_way(const Runners& all) {
  Way way;
  for (const auto& node : all) {
    if (node->name().starts_with(kOutlet)) find_on_the_way(*node, -1, all, way);
  }
  std::set<int> nodes;
  for (const auto& [node, only] : way) nodes.insert(node);
  return nodes;
}

}  // namespace

PipelineCounts count_pipeline(const core::PipelineCore& pipeline) {
  PipelineCounts counts;
  const auto all = pipeline.runners();
  const auto nodes = on_the_way(all);
  for (const auto& node : all) {
    if (nodes.contains(node->index())) see_node(counts, *node);
  }
  return counts;
}

namespace {

constexpr BootTime kLookEvery = std::chrono::milliseconds(900);
constexpr BootTime kRateOver = std::chrono::seconds(3);  // how long the rate takes to follow a change
constexpr std::size_t kLongestAnswer = 1000;             // bytes

BootTime compute_age(TimePoint captured) {
  return std::chrono::duration_cast<BootTime>(std::chrono::steady_clock::now().time_since_epoch() -
                                              captured.time_since_epoch());
}

std::int64_t since(const std::optional<BootTime>& time, BootTime now) {
  return time ? (now - *time).count() : -1;
}

}  // namespace

bool Watched::is_due(BootTime now) const noexcept {
  return pipeline_ != nullptr && now - read_at_ >= kLookEvery;
}

void Watched::read(BootTime now) {
  auto seen = count_pipeline(*pipeline_);
  seen.frames = frames_.update(seen.frames);
  for (std::size_t i = 0; i < seen.drops.size(); ++i) seen.drops[i] = drops_[i].update(seen.drops[i]);
  const auto passed = now - read_at_;
  const auto frames = static_cast<double>(seen.frames - seen_.frames);
  if (read_at_ != BootTime{}) {
    const double rate = frames / std::chrono::duration<double>(passed).count();
    const double weight = std::min(1.0, std::chrono::duration<double>(passed) / kRateOver);
    fps_ += (rate - fps_) * (fps_ == 0 ? 1 : weight);
  }
  if (frames > 0) gave_ = now;
  if (!seen.is_away) away_.reset();
  if (seen.is_away && !away_) away_ = now;
  seen.why = std::string(core::first_letters(seen.why, kLongestAnswer));
  read_at_ = now;
  seen_ = std::move(seen);
}

void Watched::write_to(CameraRecord& record, BootTime now) const {
  record.frames = seen_.frames;
  record.frame_age_ns = since(gave_, now);
  record.away_ns = since(away_, now);
  record.fps = fps_;
  record.drops = seen_.drops;
}

void Runs::open(Run run) {
  const Lock lock(mutex_);
  states_[run];
}

void Runs::watch(Run run, std::shared_ptr<const core::PipelineCore> pipeline) {
  const Lock lock(mutex_);
  const auto found = states_.find(run);
  if (found != states_.end()) found->second.watched.watch_pipeline(std::move(pipeline));
}

std::vector<Run> Runs::due(BootTime now) const {
  const Lock lock(mutex_);
  std::vector<Run> due;
  for (const auto& [run, state] : states_) {
    if (state.watched.is_due(now)) due.push_back(run);
  }
  return due;
}

/// Reads one pipeline at a time, because nodes that deliver results wait for the mutex.
void Runs::read(BootTime now) {
  for (const Run run : due(now)) {
    const Lock lock(mutex_);
    const auto found = states_.find(run);
    if (found != states_.end() && found->second.watched.is_due(now)) found->second.watched.read(now);
  }
}

void Runs::close(Run run) {
  std::shared_ptr<const core::PipelineCore> ended;  // destroyed after the lock is released
  const Lock lock(mutex_);
  const auto found = states_.find(run);
  if (found == states_.end()) return;
  ended = found->second.watched.stop_watching();
  states_.erase(found);
}

bool Runs::note_result(Run run, TimePoint captured) {
  const Lock lock(mutex_);
  const auto found = states_.find(run);
  if (found == states_.end()) return false;
  auto& state = found->second;
  ++state.results;
  state.captured = std::max(state.captured, captured);
  return true;
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
    record.age_ns = state.results > 0 ? compute_age(state.captured).count() : -1;
    record.camera = run.camera;
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
