// The loop of events, and the nodes of the graph that it plays.
// SPDX-License-Identifier: Apache-2.0
#include "why/what_if/simulation.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <queue>
#include <tuple>
#include <utility>

#include "core/edge/inbox.hpp"

namespace freshframe::core {
namespace {

// Stands still between two events. Nothing waits on it.
class EventClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return now_; }
  bool wait_until(std::unique_lock<std::mutex>& /*lock*/, std::condition_variable& /*condition*/,
                  TimePoint /*deadline*/, const std::function<bool()>& ready) const override {
    return ready();
  }
  void set(TimePoint now) noexcept { now_ = now; }

 private:
  TimePoint now_{};
};

struct Station;

// An edge, as its parent has it.
struct EdgeOut {
  Station* child;
  EdgeRef edge;
};

// The samples that a node or a source has to send, and how far it has got with the first of them.
struct Sender {
  std::vector<EdgeOut> ways;
  std::deque<AnySample> results;
  std::size_t next_way = 0;
  Station* waits_at = nullptr;  // has no room
};

// A node or a reader at work.
struct Station {
  Station(int node_number, const PlannedNode& node_plan, const std::shared_ptr<const Clock>& clock)
      : number(node_number), plan(node_plan), inbox("what_if", clock) {}

  const int number;
  const PlannedNode& plan;
  Inbox inbox;
  std::vector<EdgeRef> edges;
  Sender out;
  int busy = 0;                           // seats
  std::optional<TimePoint> gather_until;  // time of the batch that is being gathered
  std::optional<TimePoint> looks_at;      // the event that is due then
  std::uint64_t calls = 0;                // begun so far: the numbers of calls
  std::uint64_t next_call = 0;            // the call whose results leave next
  std::size_t outstanding = 0;            // samples that were taken and have not left
  std::map<std::uint64_t, std::vector<AnySample>> running;
  std::map<std::uint64_t, std::vector<AnySample>> finished;  // results that wait for earlier ones
};

struct Event {
  enum class Kind : std::uint8_t { Arrive, Take, Done, Gather };

  TimePoint at;
  std::uint64_t order = 0;  // order of two at the same time
  Kind kind = Kind::Take;
  int who = 0;
  std::uint64_t call = 0;
  PlannedTimes::Arrival arrival = {};

  bool operator>(const Event& other) const { return std::tie(at, order) > std::tie(other.at, other.order); }
};

class Loop {
 public:
  Loop(const Plan& plan, const PlannedTimes& times, TimePoint begin) : plan_(plan), times_(times) {
    clock_->set(begin);
    for (const auto& [number, node] : plan.nodes)
      places_.emplace(number, std::make_unique<Station>(number, node, clock_));
    connect();
    for (const auto& [number, place] : places_) place->inbox.arm(true);
    for (const int source : plan.sources) expect(source);
  }

  Played run(TimePoint until) {
    while (!events_.empty() && events_.top().at < until && !played_.source_waited) {
      const Event event = events_.top();
      events_.pop();
      clock_->set(event.at);
      handle(event);
    }
    for (const auto& [number, place] : places_) played_.edges[number] = place->inbox.stats(std::nullopt);
    return std::move(played_);
  }

 private:
  // In the order in which the graph made its edges: a parent puts its samples on them in turn.
  void connect() {
    std::vector<std::pair<Station*, EdgeRef>> all;
    for (const auto& [number, place] : places_) {
      for (const auto& options : place->plan.edges) {
        auto edge = place->inbox.add_edge(options);
        edge->reported = true;  // a simulation does not log
        place->edges.push_back(edge);
        all.emplace_back(place.get(), std::move(edge));
      }
    }
    std::ranges::stable_sort(all, {}, [](const auto& each) { return each.second->options.number; });
    for (auto& [child, edge] : all) {
      const int parent = edge->options.parent;
      const auto place = places_.find(parent);
      auto& sender = place != places_.end() ? place->second->out : sources_[parent];
      sender.ways.push_back({child, std::move(edge)});
    }
  }

  void at(TimePoint time, Event::Kind kind, int who, std::uint64_t call = 0) {
    events_.push({.at = time, .order = ++order_, .kind = kind, .who = who, .call = call});
  }

  void expect(int source) {
    const auto arrival = times_.next_arrival(source);
    events_.push({.at = arrival.published,
                  .order = ++order_,
                  .kind = Event::Kind::Arrive,
                  .who = source,
                  .arrival = arrival});
  }

  void handle(const Event& event) {
    if (event.kind == Event::Kind::Arrive) return arrive(event);
    auto& place = *places_.at(event.who);
    if (event.kind == Event::Kind::Done) return end_call(place, event.call);
    if (event.kind == Event::Kind::Gather && place.looks_at == event.at) place.looks_at.reset();
    take(place);
  }

  void arrive(const Event& event) {
    AnySample sample;
    sample.stamp.seq = seqs_[event.who]++;
    sample.stamp.captured = event.arrival.captured;
    sample.stamp.source = event.who;
    sample.node = event.who;
    auto& sender = sources_[event.who];
    sender.results.push_back(std::move(sample));
    if (!send(sender)) played_.source_waited = true;
    expect(event.who);
  }

  // Returns false if a child has no room.
  bool send(Sender& sender) {
    sender.waits_at = nullptr;
    while (!sender.results.empty()) {
      const auto& sample = sender.results.front();
      for (; sender.next_way < sender.ways.size(); ++sender.next_way) {
        const auto& [child, edge] = sender.ways[sender.next_way];
        const int only = edge->options.only_source;
        if (only >= 0 && only != sample.stamp.source) continue;
        if (child->inbox.would_wait(*edge)) {
          sender.waits_at = child;
          ++played_.work[child->number].refused;
          return false;
        }
        child->inbox.put(*edge, AnySample(sample), blocked_);
        if (child->plan.is_reader) {
          read(*child);
        } else {
          at(clock_->now() + to_duration(plan_.hop), Event::Kind::Take, child->number);
        }
      }
      sender.results.pop_front();
      sender.next_way = 0;
    }
    return true;
  }

  // A reader always waits for the next sample.
  void read(Station& place) {
    AnySample sample;
    while (place.inbox.take(sample, kWithoutWait) == Taken::Sample) end_loop(place, sample);
  }

  void end_loop(const Station& place, const AnySample& sample) {
    const auto now = clock_->now();
    played_.ends[place.number].push_back({now, Seconds(now - sample.stamp.captured).count()});
  }

  [[nodiscard]] static std::size_t most_in_call(const Station& place) {
    return place.plan.batch ? static_cast<std::size_t>(place.plan.batch->size) : 1;
  }

  // A thread waits for room itself. A crew's thread does not, but takes no more than its results may lag.
  [[nodiscard]] static bool can_take(const Station& place) {
    if (place.busy >= place.plan.seats) return false;
    const auto most = 2 * static_cast<std::size_t>(place.plan.seats) * most_in_call(place);
    return !place.plan.has_crew || place.outstanding < most;
  }

  void take(Station& place) {
    std::vector<AnySample> samples;
    while (can_take(place)) {
      place.inbox.arm(place.plan.has_crew || !place.gather_until);
      Taken taken = Taken::Nothing;
      if (place.plan.batch) {
        taken = place.inbox.take_batch(samples, *place.plan.batch, place.gather_until, kWithoutWait);
      } else {
        samples.resize(1);
        taken = place.inbox.take(samples.front(), kWithoutWait);
      }
      if (taken != Taken::Sample) {
        place.inbox.arm(place.plan.has_crew || !place.gather_until);
        return look_again(place);
      }
      begin_call(place, std::exchange(samples, {}));
      make_room(place);
    }
    place.inbox.arm(false);
  }

  void look_again(Station& place) {
    if (!place.gather_until || place.looks_at == place.gather_until) return;
    place.looks_at = place.gather_until;
    at(*place.gather_until, Event::Kind::Gather, place.number);
  }

  void begin_call(Station& place, std::vector<AnySample> samples) {
    const auto time = times_.call_time(place.number, samples.size());
    auto& work = played_.work[place.number];
    ++work.calls;
    work.samples += samples.size();
    work.busy += time.count();
    ++place.busy;
    place.outstanding += samples.size();
    at(clock_->now() + to_duration(time), Event::Kind::Done, place.number, place.calls);
    place.running.emplace(place.calls++, std::move(samples));
  }

  // Parents that wait at this place go on.
  void make_room(Station& place) {
    for (const auto& [number, parent] : places_) {
      if (parent->out.waits_at == &place) go_on(*parent);
    }
  }

  void go_on(Station& place) {
    if (!place.plan.has_crew) {
      if (send(place.out)) {
        --place.busy;
        at(clock_->now(), Event::Kind::Take, place.number);
      }
      return;
    }
    send_crew_results(place);
    at(clock_->now(), Event::Kind::Take, place.number);
  }

  void send_crew_results(Station& place) {
    const auto before = place.out.results.size();
    send(place.out);
    place.outstanding -= before - place.out.results.size();
  }

  void end_call(Station& place, std::uint64_t call) {
    auto samples = std::move(place.running.extract(call).mapped());
    if (place.plan.is_end) {
      for (const auto& sample : samples) end_loop(place, sample);
    }
    if (!place.plan.has_crew) {
      pass_on(place, std::move(samples));
      if (!send(place.out)) return;  // the thread waits
      --place.busy;
      place.outstanding = 0;
      return take(place);
    }
    --place.busy;
    place.finished.emplace(call, std::move(samples));
    while (!place.finished.empty()) {
      const auto first = place.finished.begin();
      if (place.plan.in_order && first->first != place.next_call) break;
      place.next_call = first->first + 1;
      pass_on(place, std::move(first->second));
      place.finished.erase(first);
    }
    if (place.out.waits_at == nullptr) send_crew_results(place);
    take(place);
  }

  static void pass_on(Station& place, std::vector<AnySample> samples) {
    for (auto& sample : samples) {
      sample.node = place.number;
      sample.dropped = 0;
      place.out.results.push_back(std::move(sample));
    }
  }

  const Plan& plan_;
  const PlannedTimes& times_;
  const std::shared_ptr<EventClock> clock_ = std::make_shared<EventClock>();
  std::map<int, std::unique_ptr<Station>> places_;
  std::map<int, Sender> sources_;
  std::map<int, std::int64_t> seqs_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint64_t order_ = 0;
  std::atomic<bool> blocked_{false};
  Played played_;
};

}  // namespace

Played play(const Plan& plan, const PlannedTimes& times, TimePoint begin, TimePoint until) {
  return Loop(plan, times, begin).run(until);
}

}  // namespace freshframe::core
