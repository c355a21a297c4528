// Histograms, counters of nodes, and a source's connection history: states, outages, stalls.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/stats.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <utility>

namespace freshframe {
namespace {

constexpr double kUnits = 1.6e8;  // units per second; the first 16 buckets are one unit (6.25 ns) wide
constexpr double kUnit = 1.0 / kUnits;
constexpr int kPerOctave = 16;

int find_bucket(double seconds) noexcept {
  const double units = std::clamp(seconds * kUnits, 0.0, 1.6e11);
  const auto value = static_cast<std::uint64_t>(units);
  if (value < kPerOctave) return static_cast<int>(value);
  const int shift = static_cast<int>(std::bit_width(value)) - 5;
  const auto within = static_cast<int>((value >> shift) & (kPerOctave - 1));
  return std::min(kPerOctave * (shift + 1) + within, Histogram::kBuckets - 1);
}

double compute_centre(int bucket) noexcept {
  if (bucket < kPerOctave) return (bucket + 0.5) * kUnit;
  const int shift = bucket / kPerOctave - 1;
  const double width = static_cast<double>(std::uint64_t{1} << shift);
  return (static_cast<double>(kPerOctave + bucket % kPerOctave) + 0.5) * width * kUnit;
}

// A snapshot of the buckets.
class Reading {
 public:
  void add(const std::array<std::atomic<std::uint32_t>, Histogram::kBuckets>& buckets) noexcept {
    for (std::size_t i = 0; i < buckets.size(); ++i) {
      const auto count = buckets[i].load(std::memory_order_relaxed);
      counts_[i] += count;
      total_ += count;
    }
  }

  [[nodiscard]] double quantile(double q) const noexcept {
    if (total_ == 0) return 0;
    const double wanted = std::clamp(q, 0.0, 1.0) * static_cast<double>(total_);
    std::uint64_t seen = 0;
    for (int i = 0; i < Histogram::kBuckets; ++i) {
      seen += counts_[static_cast<std::size_t>(i)];
      if (seen > 0 && static_cast<double>(seen) >= wanted) return compute_centre(i);
    }
    return compute_centre(Histogram::kBuckets - 1);
  }

 private:
  std::array<std::uint64_t, Histogram::kBuckets> counts_{};
  std::uint64_t total_ = 0;
};

// Adds one without an atomic read-modify-write, so only one thread may call it.
void count_one(std::atomic<std::uint32_t>& bucket) noexcept {
  bucket.store(bucket.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

// The length of a slice: Timings::kSlices of them cover kRecent.
constexpr auto kRateSlice = std::chrono::duration_cast<TimePoint::duration>(Timings::kRecent) / 5;

std::int64_t slice_number(TimePoint now) noexcept {
  return now.time_since_epoch() / kRateSlice;
}

}  // namespace

void Histogram::add(double seconds) noexcept {
  count_one(buckets_[static_cast<std::size_t>(find_bucket(seconds))]);
}

std::uint64_t Histogram::count() const noexcept {
  std::uint64_t total = 0;
  for (const auto& bucket : buckets_) total += bucket.load(std::memory_order_relaxed);
  return total;
}

double Histogram::quantile(double q) const noexcept {
  Reading reading;
  reading.add(buckets_);
  return reading.quantile(q);
}

Histogram::Quantiles Histogram::quantiles() const noexcept {
  Reading reading;
  reading.add(buckets_);
  return {reading.quantile(0.50), reading.quantile(0.99)};
}

void Histogram::clear() noexcept {
  for (auto& bucket : buckets_) bucket.store(0, std::memory_order_relaxed);
}

// While the writer clears a slice, the slice has no number, so that readers skip it.
void Timings::add(double seconds, TimePoint now) noexcept {
  const auto bucket = static_cast<std::size_t>(find_bucket(seconds));
  const auto number = slice_number(now);
  auto& slice = slices_[static_cast<std::size_t>(number % kSlices)];
  if (slice.number.load(std::memory_order_relaxed) != number) {
    slice.number.store(-1, std::memory_order_relaxed);
    slice.times.clear();
    slice.number.store(number, std::memory_order_release);
  }
  count_one(all_.buckets_[bucket]);
  count_one(slice.times.buckets_[bucket]);
}

Histogram::Quantiles Timings::quantiles(Span span, TimePoint now) const noexcept {
  if (span == Span::WholeRun) return all_.quantiles();
  const auto current = slice_number(now);
  Reading reading;
  for (const auto& slice : slices_) {
    const auto number = slice.number.load(std::memory_order_acquire);
    if (number > current - kSlices && number <= current) reading.add(slice.times.buckets_);
  }
  return {reading.quantile(0.50), reading.quantile(0.99)};
}

std::string_view to_string(NodeState state) noexcept {
  switch (state) {
    case NodeState::Opening:
      return "opening";
    case NodeState::Waiting:
      return "waiting";
    case NodeState::Working:
      return "working";
    case NodeState::Blocked:
      return "blocked";
    case NodeState::WaitingGil:
      return "waiting_gil";
    case NodeState::Ended:
      return "ended";
    case NodeState::Failed:
      return "failed";
  }
  return "?";
}

std::string_view to_string(WorkerState state) noexcept {
  switch (state) {
    case WorkerState::Starting:
      return "starting";
    case WorkerState::Idle:
      return "idle";
    case WorkerState::Working:
      return "working";
    case WorkerState::Resting:
      return "resting";
    case WorkerState::Closing:
      return "closing";
    case WorkerState::Ended:
      return "ended";
  }
  return "?";
}

std::string_view to_string(PublishState state) noexcept {
  switch (state) {
    case PublishState::WaitingKeyframe:
      return "waiting_keyframe";
    case PublishState::Connecting:
      return "connecting";
    case PublishState::Publishing:
      return "publishing";
    case PublishState::BackingOff:
      return "backing_off";
    case PublishState::Closed:
      return "closed";
  }
  return "?";
}

void NodeCounters::drop(NodeDropCause cause, std::uint64_t count) noexcept {
  drops_[static_cast<std::size_t>(cause)].fetch_add(count, std::memory_order_relaxed);
}

std::uint64_t NodeCounters::drops(NodeDropCause cause) const noexcept {
  return drops_[static_cast<std::size_t>(cause)].load(std::memory_order_relaxed);
}

std::string_view to_string(SourceState state) noexcept {
  switch (state) {
    case SourceState::Connecting:
      return "connecting";
    case SourceState::Resolving:
      return "resolving";
    case SourceState::WaitingKeyframe:
      return "waiting_keyframe";
    case SourceState::Reading:
      return "reading";
    case SourceState::Stalled:
      return "stalled";
    case SourceState::BackingOff:
      return "backing_off";
    case SourceState::WaitingSender:
      return "waiting_sender";
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
  if (stats_.state != SourceState::Reading && stats_.state != SourceState::WaitingKeyframe) return;
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
  stats_.away_total += lasted;
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

void SourceCounters::count_undecoded() {
  const Lock lock(mutex_);
  ++stats_.undecoded;
}

void SourceCounters::set_decoder_frames(int frames) {
  const Lock lock(mutex_);
  stats_.decoder_frames = frames;
}

void SourceCounters::set_behind(std::optional<double> seconds) {
  const Lock lock(mutex_);
  stats_.behind = seconds;
}

void SourceCounters::set_pace(double pace) {
  const Lock lock(mutex_);
  stats_.pace = pace;
}

void SourceCounters::set_frozen(Frozen frozen) {
  const Lock lock(mutex_);
  stats_.frozen = std::move(frozen.kind);
  stats_.frozen_for = frozen.seconds;
  stats_.frozen_period = frozen.period;
  stats_.frozen_frames = frozen.frames;
  stats_.frozen_contents = frozen.contents;
  stats_.frozen_is_ill = frozen.is_ill;
}

void SourceCounters::set_settings(std::map<std::string, std::optional<std::int64_t>> settings,
                                  std::string refused) {
  const Lock lock(mutex_);
  stats_.settings = std::move(settings);
  stats_.settings_reason = std::move(refused);
}

bool SourceCounters::set_decoder(std::string decoder, std::string reason) {
  const Lock lock(mutex_);
  if (stats_.decoder == decoder && stats_.decoder_reason == reason) return false;
  if (!stats_.decoder.empty() && stats_.decoder != decoder) ++stats_.decoder_changes;
  stats_.decoder = std::move(decoder);
  stats_.decoder_reason = std::move(reason);
  return true;
}

void SourceCounters::add_card_wait(double seconds) {
  const Lock lock(mutex_);
  stats_.card_wait += seconds;
}

void SourceCounters::set_packets(const Packets& packets) {
  const Lock lock(mutex_);
  stats_.packets = before_.received + packets.received;
  stats_.packets_lost = before_.lost + packets.lost;
  stats_.packets_late = before_.late + packets.late;
  stats_.jitter = packets.jitter;
  stats_.marker_faults = before_.marker_faults + packets.marker_faults;
}

// An outage of the previous source that is still going on ends with that source.
void SourceCounters::follow(const SourceStats& before) {
  const Lock lock(mutex_);
  stats_.outages += before.outages;
  stats_.away_total += before.away_total;
  stats_.reconnects += before.outages;
  stats_.stalls += before.stalls;
  stats_.size_changes += before.size_changes;
  stats_.decoder_changes += before.decoder_changes;
  downloads_->fetch_add(before.downloads);
  stats_.card_wait += before.card_wait;
  stats_.clock_steps += before.clock_steps;
  stats_.damaged += before.damaged;
  stats_.undecoded += before.undecoded;
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
  stats_.clock_drift_ppm = clock ? std::optional(clock->drift) : std::nullopt;
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
  if (lost_since_ && now > *lost_since_) result.away_for = Seconds(now - *lost_since_).count();
  result.away_total += result.away_for;
  result.downloads = downloads_->load();
  return result;
}

}  // namespace freshframe
