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

struct Origin {
  Edge* edge = nullptr;
  std::vector<ValueRef> events;  // dropped values whose events the sample absorbs
};

/// What is left to do after a change to an inbox. There is one per sample, so what is rarely needed is
/// allocated separately.
struct Aftermath {
  struct Rest {
    // Destroyed after unlocking the mutex, since freeing a frame can take long.
    std::vector<AnySample> dropped;
    std::vector<Edge*> also_wakes;                // more edges like `wakes`
    std::vector<Origin> earlier;                  // the origins of a batch or set, except the last one
    std::vector<std::optional<AnySample>> parts;  // for a join
  };

  Edge* wakes = nullptr;       // an edge whose sleeping producer has room again
  bool made_room = false;      // whether there is room that a spinning producer may wait for
  std::unique_ptr<Rest> rest;  // null if all of it is empty

  Rest& more() {
    if (!rest) rest = std::make_unique<Rest>();
    return *rest;
  }
  std::vector<AnySample>& dropped_samples() { return more().dropped; }

  /// Records that the lane has room again, and wakes its producer, but only once: the room stays free until
  /// the producer is awake.
  void give_room(Lane& lane) {
    made_room = true;
    if (!lane.producer_asleep) return;
    if (wakes != nullptr) more().also_wakes.push_back(wakes);
    wakes = lane.edge;
    lane.producer_asleep = false;
  }
};

/// The samples of one take, in order: a single one, a batch, or the parts of a set. They are taken from their
/// lanes under the mutex and completed without it.
struct Delivery : Aftermath {
  Origin& add(Edge& edge) {
    if (latest.edge != nullptr) more().earlier.push_back(std::exchange(latest, {}));
    latest.edge = &edge;
    return latest;
  }
  /// Adds absorbed events to sample number `index` of this delivery, and records its age.
  void complete(std::size_t index, AnySample& sample, TimePoint at) const {
    const Origin& origin = rest && index < rest->earlier.size() ? rest->earlier[index] : latest;
    if (!origin.events.empty()) sample.value = sample.value.get()->add_events(origin.events);
    origin.edge->age.add(Seconds(at - sample.stamp.captured).count(), at);
  }

  Origin latest;                         // the origin of the last sample
  std::optional<TimePoint> gathered_at;  // set for a batch
};

/// Takes samples out of the lanes of an inbox. No locking: guarded by the inbox's mutex. Does not wake
/// threads.
class WayOut {
 public:
  WayOut(Lanes& lanes, const EndOfStop& stop, const Clock& clock) noexcept
      : lanes_(lanes), stop_(stop), clock_(clock) {}

  /// Sets the durations of the consumer's calls, so that a stop can estimate whether one more fits. Null
  /// means that they take no time.
  void set_call_times(const Timings* times) noexcept { call_times_ = times; }
  [[nodiscard]] bool take_next(AnySample& sample, Delivery& out);
  /// Takes the newest sample of all lanes and drops the others. The newest one is dropped as well if it is
  /// older than `captured` and not from `source`, see Pick.
  [[nodiscard]] bool take_newest(AnySample& sample, int source, TimePoint captured, Delivery& out);
  /// Accounts for a sample that goes to the consumer. `arrival` is its number on the lane.
  void deliver(Lane& lane, AnySample& sample, std::uint64_t arrival, Delivery& out);
  [[nodiscard]] bool is_stale(const Lane& lane, const AnySample& sample) const {
    return lane.max_age && clock_.now() - sample.stamp.captured > *lane.max_age;
  }

 private:
  [[nodiscard]] bool take_from(Lane& lane, AnySample& sample, bool newest, Delivery& out);
  /// Drops the lane's queued samples as `skipped`, but keeps their events.
  void skip_all(Lane& lane, Delivery& out);
  /// Returns true if another call of the consumer is likely to finish in time after a stop.
  [[nodiscard]] bool has_time() const;

  Lanes& lanes_;
  const EndOfStop& stop_;
  const Clock& clock_;
  const Timings* call_times_ = nullptr;
};

}  // namespace freshframe::core
