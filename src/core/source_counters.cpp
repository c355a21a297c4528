// A video source's record of its connection: states, outages, stalls.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/stats.hpp"

#include <utility>

namespace freshframe {

std::string_view to_string(SourceState state) noexcept {
  switch (state) {
    case SourceState::Connecting:
      return "connecting";
    case SourceState::Resolving:
      return "resolving";
    case SourceState::WaitingKeyFrame:
      return "waiting_key_frame";
    case SourceState::Reading:
      return "reading";
    case SourceState::Stalled:
      return "stalled";
    case SourceState::BackingOff:
      return "backing_off";
    case SourceState::Closing:
      return "closing";
    case SourceState::Closed:
      return "closed";
  }
  return "?";
}

void SourceCounters::enter(SourceState state) {
  const Lock lock(mutex_);
  stats_.state = state;
}

SourceState SourceCounters::state() const {
  const Lock lock(mutex_);
  return stats_.state;
}

void SourceCounters::stall() {
  const Lock lock(mutex_);
  if (stats_.state != SourceState::Reading && stats_.state != SourceState::WaitingKeyFrame) return;
  before_stall_ = std::exchange(stats_.state, SourceState::Stalled);
  ++stats_.stalls;
}

void SourceCounters::flow() {
  const Lock lock(mutex_);
  if (stats_.state == SourceState::Stalled) stats_.state = before_stall_;
}

void SourceCounters::lose(TimePoint since, std::string why) {
  const Lock lock(mutex_);
  stats_.last_error = std::move(why);
  if (lost_since_) return;
  lost_since_ = since;
  ++stats_.outages;
}

bool SourceCounters::is_lost() const {
  const Lock lock(mutex_);
  return lost_since_.has_value();
}

std::optional<double> SourceCounters::recover(TimePoint now) {
  const Lock lock(mutex_);
  if (!lost_since_) return std::nullopt;
  const double lasted = Seconds(now - *lost_since_).count();
  stats_.outage_seconds += lasted;
  lost_since_.reset();
  ++stats_.reconnects;
  return lasted;
}

void SourceCounters::count_size_change() {
  const Lock lock(mutex_);
  ++stats_.size_changes;
}

void SourceCounters::count_damaged() {
  const Lock lock(mutex_);
  ++stats_.damaged;
}

void SourceCounters::set_decoder_delay(int frames) {
  const Lock lock(mutex_);
  stats_.decoder_delay = frames;
}

void SourceCounters::set_behind(std::optional<double> seconds) {
  const Lock lock(mutex_);
  stats_.behind = seconds;
}

void SourceCounters::set_still(Still still) {
  const Lock lock(mutex_);
  stats_.still = std::move(still.kind);
  stats_.still_for = still.seconds;
  stats_.still_period = still.period;
  stats_.still_pictures = still.pictures;
  stats_.still_contents = still.contents;
  stats_.still_is_ill = still.is_ill;
}

void SourceCounters::set_settings(std::map<std::string, std::optional<std::int64_t>> settings,
                                  std::string refused) {
  const Lock lock(mutex_);
  stats_.settings = std::move(settings);
  stats_.settings_refused = std::move(refused);
}

void SourceCounters::set_packets(const Packets& packets) {
  const Lock lock(mutex_);
  stats_.packets = before_.received + packets.received;
  stats_.packets_lost = before_.lost + packets.lost;
  stats_.packets_late = before_.late + packets.late;
  stats_.jitter = packets.jitter;
  stats_.marker_faults = before_.marker_faults + packets.marker_faults;
}

// An outage that lasts ends with the source.
void SourceCounters::follow(const SourceStats& before) {
  const Lock lock(mutex_);
  stats_.outages += before.outages;
  stats_.outage_seconds += before.outage_seconds;
  stats_.reconnects += before.outages;
  stats_.stalls += before.stalls;
  stats_.size_changes += before.size_changes;
  stats_.clock_steps += before.clock_steps;
  stats_.damaged += before.damaged;
  stats_.packets += before.packets;
  stats_.packets_lost += before.packets_lost;
  stats_.packets_late += before.packets_late;
  stats_.marker_faults += before.marker_faults;
  before_.received += before.packets;
  before_.lost += before.packets_lost;
  before_.late += before.packets_late;
  before_.marker_faults += before.marker_faults;
  if (stats_.last_error.empty()) stats_.last_error = before.last_error;
}

void SourceCounters::set_clock(const std::optional<Clock>& clock) {
  const Lock lock(mutex_);
  stats_.clock_offset = clock ? std::optional(clock->offset) : std::nullopt;
  stats_.clock_drift = clock ? std::optional(clock->drift) : std::nullopt;
  stats_.clock_residual = clock ? std::optional(clock->residual) : std::nullopt;
  stats_.clock_reports = clock ? clock->reports : 0;
}

void SourceCounters::count_clock_step() {
  const Lock lock(mutex_);
  ++stats_.clock_steps;
}

SourceStats SourceCounters::snapshot(TimePoint now) const {
  const Lock lock(mutex_);
  SourceStats result = stats_;
  if (lost_since_ && now > *lost_since_) result.outage_seconds += Seconds(now - *lost_since_).count();
  return result;
}

}  // namespace freshframe
