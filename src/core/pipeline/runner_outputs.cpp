// The runner's outputs: a node's result or a source's item becomes a sample, which goes to every child.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/log.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/frame/frame_access.hpp"
#include "core/pipeline/own_counter.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/runner.hpp"

namespace freshframe::core {

bool Runner::would_wait() const {
  return std::any_of(outputs_.begin(), outputs_.end(),
                     [](const OutputEdge& output) { return output.inbox->would_wait(*output.edge); });
}

// Another source may use up the present room of the budget, so every frame that needs room might wait.
bool Runner::would_wait(const SourceItem<Emitted>& item) const {
  return (item.value.frame && !source_->live()) || would_wait();
}

void Runner::set_sources(std::shared_ptr<const std::vector<int>> sources) {
  sources_ = std::move(sources);
  taps_ = std::vector<PictureTap>(std::max<std::size_t>(1, sources_->size()));
}

bool Runner::anyone_looks() const noexcept {
  return std::any_of(taps_.begin(), taps_.end(), [](const PictureTap& tap) { return tap.asked(); });
}

PictureTap& Runner::tap_of(const AnySample& sample) noexcept {
  if (taps_.size() == 1) return taps_.front();
  const auto found = std::lower_bound(sources_->begin(), sources_->end(), sample.stamp.source);
  return taps_[std::min(static_cast<std::size_t>(found - sources_->begin()), taps_.size() - 1)];
}

void Runner::emit(Emitted output, const AnySample& from) {
  if (outputs_.empty() && !anyone_looks()) return;
  AnySample sample{from.stamp, {}, std::move(output.value), 0, index_};
  const bool is_frame = !sample.value;
  if (is_frame || output.frame) {
    sample.frame = std::move(output.frame);
  } else {
    sample.frame = from.frame;
  }
  if (FrameAccess::is_loan(sample.frame)) sample.frame = FrameAccess::engine(sample.frame);
  if (sample.stamp.damaged) sample.frame.mark_damaged();
  if (is_frame) FrameAccess::attach(sample.frame, core_.budget());
  send(std::move(sample));
}

bool Runner::publish(SourceItem<Emitted> item) {
  return publish(std::move(item), core_.clock()->now());
}

bool Runner::publish(SourceItem<Emitted> item, TimePoint now) {
  const auto seq = item.seq.value_or(next_seq_);
  next_seq_ = seq + 1;
  add(processed_, 1);
  if (item.value.frame && !admit()) return !context_.stop.stop_requested();
  auto& frame = item.value.frame;
  if (FrameAccess::is_loan(frame)) frame = FrameAccess::engine(frame);
  FrameAccess::attach(frame, core_.budget());
  const auto captured = captured_of(item, now);
  const bool damaged = frame.damaged();
  const auto utc = utc_of(item, captured);
  send({{seq, item.pts, captured, index_, damaged, std::move(item.path), utc},
        std::move(frame),
        std::move(item.value.value),
        0,
        index_});
  count_rate(now);
  return !context_.stop.stop_requested();
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
    blocked_.store(true, std::memory_order_relaxed);
    const bool room = budget.wait_for_room();
    blocked_.store(false, std::memory_order_relaxed);
    if (room) return true;
  }
  counters_.drop(NodeDropCause::Pool);
  return false;
}

void Runner::send(AnySample&& sample) {
  tap_of(sample).offer(sample);
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const auto& [inbox, edge, source] = outputs_[i];
    // NOLINTNEXTLINE(bugprone-use-after-move): the last turn of the loop moves it
    if (source >= 0 && source != sample.stamp.source) continue;
    if (i + 1 == outputs_.size()) {
      inbox->put(*edge, std::move(sample), blocked_);
    } else {
      inbox->put(*edge, AnySample(sample), blocked_);
    }
  }
}

}  // namespace freshframe::core
