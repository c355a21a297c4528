// Totals per culprit.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/watch/findings.hpp"

#include "freshframe/forks.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <vector>

namespace freshframe::gil {
namespace {

constexpr auto kGoesOn = std::chrono::seconds(1);
constexpr const char* kEverythingElse = "everything else";

double seconds(Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

double median(std::deque<double> durations) {
  if (durations.empty()) return 0;
  const auto middle = durations.begin() + static_cast<std::ptrdiff_t>(durations.size() / 2);
  std::nth_element(durations.begin(), middle, durations.end());
  if (durations.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(durations.begin(), middle)) / 2;  // the same as statistics.median
}

}  // namespace

Findings& Findings::instance() {
  return forks::PerProcess<Findings>::get();
}

void Findings::begin() {
  const std::lock_guard lock(mutex_);
  watching_ = true;
  stalls_ = 0;
  stalled_ = 0;
  counts_.clear();
  recent_.clear();
  now_.reset();
}

void Findings::end() {
  const std::lock_guard lock(mutex_);
  watching_ = false;
  now_.reset();
}

Findings::Words Findings::words_of(const Stall& stall) {
  const auto place = [](const PythonFrame& frame) {
    return frame.file + ":" + std::to_string(frame.line) + ":" + frame.function;
  };
  return {.thread = stall.thread,
          .native = stall.native,
          .python = stall.python_frames.empty() ? "" : place(stall.python_frames.front()),
          .program = stall.program ? place(*stall.program) : ""};
}

void Findings::add(const Stall& stall) {
  auto words = words_of(stall);
  const double lasted = seconds(stall.duration);
  Key key{words.native, words.python};
  // Omits the line, because a loop is seen at a different line each time.
  if (words.native.empty() && !stall.python_frames.empty()) {
    const auto& frame = stall.python_frames.front();
    key.second = frame.file + ":" + frame.function;
  }
  const std::lock_guard lock(mutex_);
  now_.reset();
  ++stalls_;
  stalled_ += lasted;
  if (counts_.size() >= kMaxCulprits && !counts_.contains(key)) key = {kEverythingElse, {}};
  auto& count = counts_[key];
  if (lasted > count.max && key.first != kEverythingElse) {
    count.python = words.python;
    count.program = words.program;
  }
  ++count.count;
  count.total += lasted;
  count.max = std::max(count.max, lasted);
  if (count.durations.size() == kDurations) count.durations.pop_front();
  count.durations.push_back(lasted);
  if (recent_.size() == kRecent) recent_.pop_front();
  recent_.push_back({++last_id_, lasted, std::move(words)});
}

void Findings::going_on(const Stall& stall) {
  auto words = words_of(stall);
  const std::lock_guard lock(mutex_);
  now_ = {stall.began, Clock::now(), std::move(words)};
}

Findings::Summary Findings::summary(std::size_t most) const {
  const std::lock_guard lock(mutex_);
  return summary_locked(most);
}

void Findings::read(const FindingsSink& sink) const {
  const std::lock_guard lock(mutex_);
  sink.totals(sink.context, watching_ ? 1 : 0, stalls_, stalled_);
  for (const Culprit& each : summary_locked(kShown).culprits) {
    const std::array<double, 3> times = {each.total, each.max, each.p50};
    sink.culprit(sink.context, each.native.c_str(), each.python.c_str(), each.program.c_str(), each.count,
                 times.data());
  }
  const auto tell = [&](std::uint64_t id, double lasted, const Words& words) {
    sink.stall(sink.context, id, lasted, words.thread.c_str(), words.native.c_str(), words.python.c_str(),
               words.program.c_str());
  };
  for (const auto& recent : recent_) tell(recent.id, recent.seconds, recent.words);
  const auto now = Clock::now();
  if (now_ && now - now_->said < kGoesOn) tell(0, seconds(now - now_->began), now_->words);
}

Findings::Summary Findings::summary_locked(std::size_t most) const {
  std::vector<const std::pair<const Key, Count>*> worst;
  worst.reserve(counts_.size());
  for (const auto& each : counts_) worst.push_back(&each);
  const auto shown = worst.begin() + static_cast<std::ptrdiff_t>(std::min(most, worst.size()));
  std::partial_sort(worst.begin(), shown, worst.end(),
                    [](const auto* a, const auto* b) { return a->second.total > b->second.total; });
  Summary summary{.stalls = stalls_, .stalled = stalled_, .culprits = {}};
  for (auto each = worst.begin(); each != shown; ++each) {
    const auto& [key, count] = **each;
    summary.culprits.push_back({.native = key.first,
                                .python = count.python,
                                .program = count.program,
                                .count = count.count,
                                .total = count.total,
                                .max = count.max,
                                .p50 = median(count.durations)});
  }
  return summary;
}

}  // namespace freshframe::gil
