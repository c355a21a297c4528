// The one way out of an inbox: its next samples, and the work that remains when they have been taken.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/sample.hpp"
#include "freshframe/stats.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/edge/edge.hpp"
#include "core/edge/end_of_stop.hpp"
#include "core/edge/lanes.hpp"

namespace freshframe::core {

/// Where a sample comes from.
struct Origin {
  Edge* edge = nullptr;
  std::vector<ValueRef> events;  // values whose events the sample absorbs
};

/// The work that remains after a change of an inbox. There is one with each sample: what is rare lies apart.
struct Aftermath {
  struct Rest {
    std::vector<AnySample> dropped;  // destroyed without the mutex: freeing a picture may take long
    std::vector<Edge*> also_wakes;   // as `wakes`, the further ones
    std::vector<Origin> earlier;     // all but the latest of a batch or a set
    std::vector<std::optional<AnySample>> parts;  // members of a set
  };

  Edge* wakes = nullptr;       // an edge whose producer sleeps, and has room now
  bool made_room = false;      // for which a producer may spin
  std::unique_ptr<Rest> rest;  // null means nothing of it

  Rest& more() {
    if (!rest) rest = std::make_unique<Rest>();
    return *rest;
  }
  std::vector<AnySample>& dropped_samples() { return more().dropped; }

  /// The lane has room again. The producer is woken once: until it is awake, there is room for it.
  void give_room(Lane& lane) {
    made_room = true;
    if (!lane.producer_asleep) return;
    if (wakes != nullptr) more().also_wakes.push_back(wakes);
    wakes = lane.edge;
    lane.producer_asleep = false;
  }
};

/// The samples of one take, in their order: one, a batch, or the parts of a set. They leave their lanes with the
/// mutex, and are completed without it.
struct Delivery : Aftermath {
  /// Adds the next sample, which comes from that edge.
  Origin& add(Edge& edge) {
    if (latest.edge != nullptr) more().earlier.push_back(std::exchange(latest, {}));
    latest.edge = &edge;
    return latest;
  }
  /// Joins the events that the sample absorbs, and records its age. `index`: its place in the order.
  void complete(std::size_t index, AnySample& sample, TimePoint at) const {
    const Origin& origin = rest && index < rest->earlier.size() ? rest->earlier[index] : latest;
    if (!origin.events.empty()) sample.value = sample.value.get()->add_events(origin.events);
    origin.edge->age.add(Seconds(at - sample.stamp.captured).count(), at);
  }

  Origin latest;                         // origin of the sample, or of the last one
  std::optional<TimePoint> gathered_at;  // for a batch
};

/// Takes samples out of the lanes of an inbox. It knows no lock: the inbox's mutex guards it, and it wakes no thread.
class WayOut {
 public:
  WayOut(Lanes& lanes, const EndOfStop& stop, const Clock& clock) noexcept
      : lanes_(lanes), stop_(stop), clock_(clock) {}

  /// How long the consumer's calls take, which a stop wants to know; null means no time.
  void set_call_times(const Timings* times) noexcept { call_times_ = times; }
  /// Takes the next sample that passes.
  [[nodiscard]] bool take_next(AnySample& sample, Delivery& out);
  /// Takes the newest sample of all lanes and drops the others. If it is older than `captured` and not of `source`, it
  /// is dropped, too: see Pick.
  [[nodiscard]] bool take_newest(AnySample& sample, int source, TimePoint captured, Delivery& out);
  /// Counts a sample that has left its lane for the consumer. `arrival`: its number on the lane.
  void deliver(Lane& lane, AnySample& sample, std::uint64_t arrival, Delivery& out);
  [[nodiscard]] bool is_stale(const Lane& lane, const AnySample& sample) const {
    return lane.max_age && clock_.now() - sample.stamp.captured > *lane.max_age;
  }

 private:
  [[nodiscard]] bool take_from(Lane& lane, AnySample& sample, bool newest, Delivery& out);
  /// Drops the waiting samples of the lane as `skipped`, and keeps their events.
  void skip_all(Lane& lane, Delivery& out);
  /// After a stop: whether one more call of the consumer would end in time.
  [[nodiscard]] bool has_time() const;

  Lanes& lanes_;
  const EndOfStop& stop_;
  const Clock& clock_;
  const Timings* call_times_ = nullptr;
};

}  // namespace freshframe::core
