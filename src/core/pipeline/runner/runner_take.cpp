// The runner takes samples and ticks, hears of sources that are gone, and ends a node's own stream.
// SPDX-License-Identifier: Apache-2.0
#include <utility>
#include <vector>

#include "core/failure.hpp"
#include "core/pipeline/runner/runner.hpp"
#include <cxxabi.h>

namespace freshframe::core {
namespace {

// Calls the node's idle(). False: it failed, and does not continue.
bool idle(Runner& runner) {
  runner.meter().set_state(NodeState::Working);
  try {
    expect_no_lock();
    runner.place().own_node().idle(runner.place().context());
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (...) {
    if (!runner.fail(Caught::of(std::current_exception()))) return false;
  }
  runner.meter().set_state(NodeState::Waiting);
  return true;
}

}  // namespace

Taken Runner::take(AnySample& sample) {
  using Turn = Intake::Turn;
  meter_.set_state(NodeState::Waiting);
  for (;;) {
    const auto idle_at =
        intake_.is_live() ? place_.own_node().idle_at().value_or(TimePoint::max()) : TimePoint::max();
    switch (intake_.take(sample, idle_at)) {
      case Turn::Sample:
        return Taken::Sample;
      case Turn::Tick:
        sample = stream_.own_sample(outlet_.next_own_seq(), intake_.tick());
        return Taken::Nothing;
      case Turn::Ended:
        return Taken::Ended;
      case Turn::HostNews:
        return Taken::News;
      case Turn::News:
        look_at_news();
        break;
      case Turn::Idle:
        if (!idle(*this)) return Taken::Ended;
        break;
    }
  }
}

Taken Runner::take_batch(std::vector<AnySample>& samples) {
  using Turn = Intake::Turn;
  meter_.set_state(NodeState::Waiting);
  for (;;) {
    switch (intake_.take_batch(samples)) {
      case Turn::Sample:
        return Taken::Sample;
      case Turn::Tick:
        samples.clear();
        samples.push_back(stream_.own_sample(outlet_.next_own_seq(), intake_.tick()));
        return Taken::Nothing;
      case Turn::Ended:
        return Taken::Ended;
      case Turn::HostNews:
        return Taken::News;
      case Turn::News:
        look_at_news();
        break;
      case Turn::Idle:
        break;
    }
  }
}

bool Runner::try_take(AnySample& sample) {
  if (!intake_.samples_are_next()) return false;
  auto taken = inbox_->take(sample, kWithoutWait);
  for (; taken == Taken::News; taken = inbox_->take(sample, kWithoutWait)) {
    look_at_news();
    if (intake_.has_host_news()) return false;  // take() tells
  }
  return taken == Taken::Sample;
}

bool Runner::take_tick(AnySample& sample) {
  if (!intake_.take_tick()) return false;
  sample = stream_.own_sample(outlet_.next_own_seq(), intake_.tick());
  return true;
}

void Runner::look_at_news() {
  const auto all = inbox_->take_gone();
  const bool is_other = take_successor();
  intake_.keep_for_host(is_other && place_.own_node().runs_outside());
  for (const auto& gone : all) {
    try {
      place_.own_node().source_gone(gone.source);
    } catch (const abi::__forced_unwind&) {
      throw;
    } catch (...) {
      fail(Caught::of(std::current_exception()));
    }
    if (end_stamps(gone)) outlet_.end(gone);
  }
}

// on_time(), finish() and a node that delays its results may still give results of the source: its stream then
// ends when it is removed, or with the node's.
bool Runner::end_stamps(const GoneSource& gone) {
  if ((facts_.has_own_stream() || outlet_.delays()) && host_.keep_end(facts_.index, gone)) return false;
  outlet_.forget_place(gone.source);
  return true;
}

bool Runner::begin_stream() {
  if (!facts_.has_own_stream()) return true;
  const auto start = host_.wait_for_start(*this);
  if (!start) return false;
  stream_.begin(*start);
  intake_.begin(*start, life_.is_late());
  return true;
}

std::optional<AnySample> Runner::begin_last() {
  if (!facts_.finishes || shared_.failure->due()) return std::nullopt;
  outlet_.begin_last();
  (void)takes_last_results();  // the time that a stop leaves it has begun
  return stream_.own_sample(outlet_.next_own_seq(), clock_->now());
}

bool Runner::takes_last_results() {
  return !life_.stopping() || stream_.takes_last_results();
}

}  // namespace freshframe::core
