// Draws of calls and of arrivals.
// SPDX-License-Identifier: Apache-2.0
#include "why/what_if/draws.hpp"

#include <algorithm>
#include <iterator>

namespace freshframe::core {
namespace {

std::size_t draw_index(std::size_t count, Random& random) {
  return static_cast<std::size_t>(random() % count);
}

double draw_share(Random& random) {
  constexpr double kWhole = 18446744073709551616.0;  // 2^64
  return static_cast<double>(random()) / kWhole;
}

// The end of time after it: a rate may be so low that no further sample comes.
TimePoint later(TimePoint time, Seconds by) {
  const auto step = to_duration(by);
  return step < TimePoint::max() - time ? time + step : TimePoint::max();
}

}  // namespace

std::size_t BlockDraw::choose_block(const std::vector<double>& values, Random& random) {
  return values.size() > kBlock ? draw_index(values.size() - kBlock + 1, random) : 0;
}

BlockDraw::BlockDraw(const std::vector<double>& recorded, Random& random) {
  const auto length = std::min(kBlock, recorded.size());
  values_.reserve(recorded.size() + length);
  while (values_.size() < recorded.size()) {
    const auto from = recorded.begin() + static_cast<std::ptrdiff_t>(choose_block(recorded, random));
    values_.insert(values_.end(), from, from + static_cast<std::ptrdiff_t>(length));
  }
  values_.resize(recorded.size());
}

double BlockDraw::next(Random& random) {
  if (left_ == 0) {
    at_ = choose_block(values_, random);
    left_ = std::min(kBlock, values_.size());
  }
  --left_;
  return values_[at_++];
}

TimesBySize collect_times(const std::vector<Call>& calls, bool gathers) {
  TimesBySize out;
  if (!gathers) {
    for (const auto& call : calls) out[1].push_back(Seconds(call.done - call.taken).count());
    return out;
  }
  // A batch has one record for each of its samples, which were taken at once.
  std::map<TimePoint, std::pair<std::size_t, TimePoint>> batches;
  for (const auto& call : calls) {
    auto& [size, done] = batches[call.taken];
    ++size;
    done = std::max(done, call.done);
  }
  for (const auto& [taken, batch] : batches)
    out[batch.first].push_back(Seconds(batch.second - taken).count());
  return out;
}

std::optional<double> compute_rate(const std::vector<Call>& calls) {
  if (calls.size() < 2) return std::nullopt;
  const double time = Seconds(calls.back().done - calls.front().done).count();
  return static_cast<double>(calls.size() - 1) / time;
}

CallDraw::CallDraw(const TimesBySize& recorded, double speed, Random& random) : speed_(speed) {
  for (const auto& [size, times] : recorded) sizes_.emplace(size, BlockDraw(times, random));
}

Seconds CallDraw::next(std::size_t samples, Random& random) {
  ++calls_;
  if (sizes_.empty()) return Seconds{};
  auto found = sizes_.lower_bound(samples);
  if (found == sizes_.end()) found = std::prev(found);
  if (found->first != samples) ++unseen_;
  return Seconds(found->second.next(random) / speed_);
}

double CallDraw::unseen_share() const noexcept {
  return calls_ > 0 ? static_cast<double>(unseen_) / static_cast<double>(calls_) : 0;
}

ArrivalDraw::ArrivalDraw(const std::vector<Call>& calls, double stretch, TimePoint begin, Random& random)
    : stretch_(stretch), time_(begin) {
  double sum = 0;
  for (std::size_t i = 1; i < calls.size(); ++i) {
    const double interval = Seconds(calls[i].done - calls[i - 1].done).count();
    steps_.push_back({interval, Seconds(calls[i].done - calls[i].taken).count()});
    sum += interval;
  }
  if (steps_.empty()) return;
  at_ = draw_index(steps_.size(), random);
  time_ = later(time_, Seconds(draw_share(random) * stretch_ * sum / static_cast<double>(steps_.size())));
}

PlannedTimes::Arrival ArrivalDraw::next() {
  if (steps_.empty()) return {TimePoint::max(), TimePoint::max()};
  const auto& step = steps_[at_];
  at_ = at_ + 1 == steps_.size() ? 0 : at_ + 1;
  time_ = later(time_, Seconds(stretch_ * step.interval));
  return {time_ - to_duration(Seconds(step.delay)), time_};
}

}  // namespace freshframe::core
