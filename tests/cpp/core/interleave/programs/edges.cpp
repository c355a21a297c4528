// The calls that the programs make, and the checks at their end.
// SPDX-License-Identifier: Apache-2.0
#include "edges.hpp"

#include <array>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>

namespace freshframe::interleave {
namespace {

class SteadyClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return std::chrono::steady_clock::now(); }
  bool wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition, TimePoint deadline,
                  const std::function<bool()>& ready) const override {
    if (deadline != TimePoint::max()) return condition.wait_until(lock, deadline, ready);
    condition.wait(lock, ready);
    return true;
  }
};

}  // namespace

const std::shared_ptr<const Clock>& simulated_clock() {
  static const std::shared_ptr<const Clock> only = std::make_shared<SteadyClock>();
  return only;
}

AnySample sample_of(int seq, int source, double captured) {
  return {
      {seq, captured, TimePoint(to_duration(Seconds(captured))), source}, {}, ValueRef::make<int>(seq), 0};
}

Edges::Edges() : inbox_("sink", simulated_clock()) {}

void Edges::edge(EdgeSetup options) {
  options.parent = static_cast<int>(edges_.size());
  options.parent_name = "p" + std::to_string(edges_.size());
  edges_.push_back(inbox_.add_edge(std::move(options)));
  blocked_.emplace_back(false);
}

void Edges::edge(Queue queue, std::vector<int> sources) {
  EdgeSetup options;
  options.queue = queue;
  options.sources = std::move(sources);
  edge(std::move(options));
}

void Edges::end_call(Call call) {
  call.end = ++tick_;
  calls_.push_back(call);
}

int Edges::end_take(Call call, Taken taken, const AnySample& sample) {
  call.seq = taken == Taken::Ended ? kEnded : kNothing;
  if (taken == Taken::Sample) {
    call.seq = static_cast<int>(sample.stamp.seq);
    call.lost = sample.dropped;
    got(sample);
  }
  end_call(call);
  return call.seq;
}

void Edges::got(const AnySample& sample) {
  const auto seq = static_cast<int>(sample.stamp.seq);
  got_.emplace_back(sample.stamp.source, seq);
  note("took " + std::to_string(seq));
}

void Edges::put(int seq, std::size_t edge, bool is_last) {
  const Call call{.kind = Call::Kind::Put, .seq = seq, .begin = ++tick_};
  note("put " + std::to_string(seq) + " on p" + std::to_string(edge));
  inbox_.put(*edges_[edge], sample_of(seq, static_cast<int>(edge)), blocked_[edge], is_last);
  end_call(call);
}

void Edges::give(AnySample sample, std::size_t edge) {
  note("put " + std::to_string(sample.stamp.seq) + " on p" + std::to_string(edge));
  inbox_.put(*edges_[edge], std::move(sample), blocked_[edge]);
}

int Edges::take() {
  const Call call{.kind = Call::Kind::Take, .begin = ++tick_};
  AnySample sample;
  const auto taken = inbox_.take(sample, TimePoint::max());
  return end_take(call, taken, sample);
}

int Edges::newest() {
  const Call call{.kind = Call::Kind::Newest, .begin = ++tick_};
  AnySample sample;
  const auto taken = inbox_.take(sample, core::kWithoutWait, core::Pick::kNewest);
  return end_take(call, taken, sample);
}

void Edges::take_all() {
  while (take() >= 0) {
  }
}

void Edges::take_batches(const Batch& batch) {
  std::vector<AnySample> samples;
  std::optional<TimePoint> gather_until;
  while (inbox_.take_batch(samples, batch, gather_until, TimePoint::max()) != Taken::Ended) {
    for (const auto& sample : samples) got(sample);
  }
}

void Edges::close() {
  const Call call{.kind = Call::Kind::Close, .begin = ++tick_};
  note("close");
  inbox_.close();
  end_call(call);
}

void Edges::end(std::size_t edge) {
  const Call call{.kind = Call::Kind::End, .begin = ++tick_};
  note("end of p" + std::to_string(edge));
  inbox_.end_edge(*edges_[edge]);
  end_call(call);
}

void Edges::remove(std::size_t edge) {
  note("remove p" + std::to_string(edge));
  check_books({inbox_.remove_edge(edges_[edge])});
}

void Edges::audit() const {
  check_books(inbox_.stats(std::nullopt));
}

void Edges::check_books(const std::vector<EdgeStats>& all) const {
  for (const auto& each : all) {
    std::uint64_t drops = 0;
    for (const auto& [cause, count] : each.drops) drops += count;
    if (each.dropped != drops || each.passed_in != each.delivered + each.dropped + each.waiting) {
      fail("the books of " + each.parent + " do not balance: " + std::to_string(each.passed_in) + " in, " +
           std::to_string(each.delivered) + " delivered, " + std::to_string(each.dropped) + " dropped, " +
           std::to_string(each.waiting) + " waiting");
    }
    if (each.queue.blocks() && each.drops.contains(DropCause::QueueFull))
      fail("a queue that blocks has dropped");
  }
}

void Edges::check_order() const {
  constexpr std::size_t kSources = 8;
  std::array<int, kSources> last{};
  last.fill(kNothing);
  for (const auto& [source, seq] : got_) {
    auto& before = last[static_cast<std::size_t>(source)];
    if (seq <= before) fail("sample " + std::to_string(seq) + " came twice or out of order");
    before = seq;
  }
}

void Edges::check() {
  const auto stats = inbox_.stats(std::nullopt);
  check_books(stats);
  check_order();
  if (follows_model_ && !explains(Model(stats.at(0).queue), calls_, stats.at(0))) {
    fail("no order of the calls gives these results and counters");
  }
  std::string text;
  for (const auto& [source, seq] : got_) text += std::to_string(source) + ":" + std::to_string(seq) + " ";
  for (const auto& each : stats) {
    text += '/';
    for (const auto& [cause, count] : each.drops)
      text += std::string(to_string(cause)) + std::to_string(count);
    text += " " + std::to_string(each.waiting);
  }
  outcome(text);
  if (needs_no_deadline_ && forced_deadlines() > 0) {
    fail("a thread slept until its deadline, although nothing kept it: a wake-up was lost");
  }
  if (finally_) finally_();
}

}  // namespace freshframe::interleave
