// The thread that checks a pipeline regularly, and the answer of why().
// SPDX-License-Identifier: Apache-2.0
#include "why/observer.hpp"

#include "freshframe/why.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "core/pipeline/pipeline_access.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/views/silent_nodes.hpp"
#include "core/pipeline/views/statistics.hpp"
#include "platform/thread.hpp"
#include "why/rules.hpp"

namespace freshframe::core {
namespace {

using std::chrono::duration;

constexpr std::chrono::milliseconds kPeriod{250};  // between two checks
constexpr std::chrono::seconds kForgotten{2};      // a watch counts as ended after this long without a check
constexpr Seconds kRecent{10};                     // ages are averaged over these seconds
constexpr double kStillLimit = 5;                  // seconds; used if the pipeline has no stall_timeout

std::map<std::int64_t, double> edge_ages(const PipelineCore& core) {
  std::map<std::int64_t, double> out;
  for (const auto& edge : collect_stats(core).edges) out[edge.number] = edge.age_p50;
  return out;
}

std::optional<double> find_waited(const PipelineCore& core, int node) {
  const auto runner = core.runner(node);
  const auto times = runner ? platform::thread_times(runner->life().thread_id()) : std::nullopt;
  return times ? std::optional(times->waited) : std::nullopt;
}

// Counters alone prove these findings, so they need no windows, and remain valid after the end.
std::vector<Finding> silent_findings(const PipelineCore& core) {
  std::vector<Finding> found;
  for (const auto& node : silent_nodes(core, kFewestSamples)) {
    found.push_back({.kind = "silent",
                     .subject = node.name,
                     .text = "received " + std::to_string(node.taken) + " samples and returned none.",
                     .remedy = "Does its function or process() return a value?",
                     .evidence = {{"samples", static_cast<double>(node.taken)}}});
  }
  return found;
}

}  // namespace

Observer::Observer(const PipelineCore& core)
    : core_(core),
      findings_({.circumstances = [this] { return circumstances(); },
                 .ages = [&core] { return collect_ages(core, kRecent); },
                 .run_queue = [&core] { return read_run_queue(core); },
                 .edge_ages = [&core] { return edge_ages(core); },
                 .paces = [&core] { return collect_paces(core, kRecent); }}) {}

Observer::~Observer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Observer::note(const GraphState& seen, Time now) {
  findings_.follow(seen, now);
  if (seen.phase != LifePhase::Running) {
    since_.reset();
    looked_.reset();
    return;
  }
  if (!since_) since_ = now;
  looked_ = now;
}

void Observer::follow(const GraphState& seen, GilFindings gil) {
  const std::lock_guard lock(mutex_);
  gil_ = std::move(gil);
  note(seen, std::chrono::steady_clock::now());
}

std::map<int, double> Observer::away() const {
  const std::lock_guard lock(mutex_);
  return findings_.away(std::chrono::steady_clock::now());
}

void Observer::limit_away(double seconds) {
  const std::lock_guard lock(mutex_);
  away_limit_ = seconds;
}

// Call with the mutex held.
Circumstances Observer::circumstances() const {
  return {.pipeline = core_.options().name,
          .still_limit = core_.options().stall_timeout.value_or(kStillLimit),
          .away_limit = away_limit_,
          .failure = core_.errors().first_fatal(),
          .gil = gil_,
          .waited = [this](int node) { return find_waited(core_, node); }};
}

bool Observer::is_watched(Time now) const {
  return running_ || (looked_ && now - *looked_ < kForgotten);
}

std::vector<Finding> Observer::findings() const {
  auto silent = silent_findings(core_);
  const std::lock_guard lock(mutex_);
  auto findings = findings_.present();
  std::ranges::move(silent, std::back_inserter(findings));
  return findings;
}

// The thread ends by itself soon after the pipeline.
void Observer::run() {
  platform::name_thread("ff why");
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    const auto seen = graph_state(core_, false);
    lock.lock();
    note(seen, std::chrono::steady_clock::now());
    if (seen.phase != LifePhase::Running) break;
    changed_.wait_for(lock, kPeriod, [&] { return stopping_; });
  }
  running_ = false;
}

/// Starts the thread. If this throws std::system_error, the next why() tries again.
void Observer::begin_watch() {
  thread_ = std::thread([this] { run(); });
  running_ = true;
}

Why Observer::why() {
  Why answer;
  answer.ages = collect_ages(core_, kRecent);
  const auto seen = graph_state(core_, false);
  const auto phase = seen.phase;
  const bool runs = phase == LifePhase::Running;
  auto silent = silent_findings(core_);
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (runs && !is_watched(now) && !stopping_) {
    if (thread_.joinable()) thread_.join();  // returns immediately, since the thread sets running_ last
    findings_ = Findings(findings_.witness());
    since_ = now;
    begin_watch();
  }
  runs ? findings_.follow_states(seen, now) : note(seen, now);
  answer.findings = findings_.present();
  std::ranges::move(silent, std::back_inserter(answer.findings));
  answer.is_running = runs;
  answer.ended = !runs && phase != LifePhase::Created && phase != LifePhase::Starting;
  if (since_) answer.watched_for = duration<double>(now - *since_).count();
  const auto earliest = findings_.earliest();
  const auto needed = earliest ? duration<double>(*earliest - now) : duration<double>(Findings::kUntilFirst);
  if (runs) answer.needed = std::max(0.0, needed.count());
  if (runs) answer.unsettled = findings_.list_unsettled(now);
  return answer;
}

Observer& get_observer(PipelineCore& core) {
  const auto make = [](const PipelineCore& pipeline) -> std::shared_ptr<void> {
    return std::make_shared<Observer>(pipeline);
  };
  return *static_cast<Observer*>(core.get_attachment(make).get());
}

}  // namespace freshframe::core

freshframe::Why freshframe::why(const Pipeline& pipeline) {
  return core::get_observer(*core::PipelineAccess::core(pipeline)).why();
}
