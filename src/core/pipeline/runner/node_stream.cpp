// Sequence numbers and timestamps of a stream: checks them, and continues them when the source is replaced.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/runner/node_stream.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/drain_time.hpp"
#include "core/unit_text.hpp"

namespace freshframe::core {

void NodeStream::check_seq(const SourceItem<Emitted>& item) const {
  if (!item.seq || *item.seq >= next_seq_) return;
  const auto given = "returned the seq " + std::to_string(*item.seq);
  throw Error(next_seq_ == 0
                  ? given + ", but it must be at least 0"
                  : given + " after " + std::to_string(next_seq_ - 1) +
                        ", but each must be greater than the one before: continue a counter that wraps or "
                        "starts again, or leave seq out to get the next number");
}

void NodeStream::warn_about_clock(TimePoint::duration ahead) {
  const double by = Seconds(ahead).count();
  if (by <= 1 || std::exchange(clock_logged_, true)) return;
  log(LogLevel::Warning,
      "source '" + facts_.name + "' returned a capture time " + std::to_string(std::llround(by)) +
          " s ahead of the pipeline's clock; the current time is used instead: `captured` must be a time of "
          "CLOCK_MONOTONIC, such as time.monotonic()");
}

Utc NodeStream::choose_utc(const SourceItem<Emitted>& item, TimePoint captured, bool is_live) const {
  if (item.utc.from != UtcFrom::None || !is_live) return item.utc;
  return {.seconds = clock_.unix_time(captured), .from = UtcFrom::Arrival};
}

// As after a reconnection, sequence numbers continue, and pts continue by the clock; those of a file continue
// by its own frame interval.
bool NodeStream::continue_with(SourceItem<Emitted>& item, bool is_live) {
  bool is_resized = false;
  if (item.seq) *item.seq += added_.seq;
  if (std::exchange(is_first_, false)) {
    const auto now = clock_.now();
    const auto captured = item.captured == TimePoint{} ? now : std::min(item.captured, now);
    const auto passed = Seconds(captured - latest_.captured).count();
    const bool is_begin = next_seq_ == 0;
    const double step = is_live && passed > 0 ? passed : latest_.step;
    added_.pts = is_begin ? 0 : latest_.pts + step - item.pts;
    added_.earliest = latest_.captured;
    const auto& frame = item.value.frame;
    is_resized = frame && !is_begin && (frame.width() != latest_.width || frame.height() != latest_.height);
  }
  item.pts += added_.pts;
  // The new source may have received its first frames while the previous one was still running.
  if (is_live && item.captured != TimePoint{}) item.captured = std::max(item.captured, added_.earliest);
  return is_resized;
}

AnySample NodeStream::own_sample(std::int64_t seq, TimePoint at) const {
  AnySample sample;
  sample.stamp = {seq, Seconds(at - start_).count(), at, facts_.index};
  sample.stamp.utc.seconds = clock_.unix_time(at);
  sample.stamp.utc.from = UtcFrom::Arrival;
  sample.node = facts_.index;
  return sample;
}

bool NodeStream::takes_last_results() {
  const auto now = clock_.now();
  if (!last_until_) last_until_ = now + to_duration(kDrainTime);
  if (now < *last_until_) return true;
  if (!std::exchange(last_ended_, true)) {
    log(LogLevel::Warning, "finish() of '" + facts_.name + "' still returns results " +
                               seconds_text(kDrainTime.count()) +
                               " after the stop: it is closed, because nothing receives them");
  }
  return false;
}

}  // namespace freshframe::core
