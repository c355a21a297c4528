// Runs a graph without threads and without pictures: the engine's own queues, on the clock of a loop of events.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/batch.hpp"
#include "freshframe/clock.hpp"
#include "freshframe/stats.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "core/edge/edge.hpp"

namespace freshframe::core {

/// A node or a reader of the graph that is to be simulated.
struct PlannedNode {
  std::vector<EdgeOptions> edges = {};  // into it; the parents are nodes or sources
  std::optional<Batch> batch = {};
  int seats = 1;           // calls at a time
  bool has_crew = false;   // its seats are worker processes: a separate thread waits for its children
  bool in_order = true;    // its results leave in the order of their samples
  bool is_reader = false;  // it takes each sample at once, and its ages end then
  bool is_end = false;     // its samples' ages are asked for
};

/// The graph. Sources have no entry.
struct Plan {
  std::map<int, PlannedNode> nodes;  // by number; readers have negative ones
  std::vector<int> sources;
  Seconds hop{100e-6};  // from a put until a waiting thread takes the sample
};

/// Where the times come from. `next_arrival`: of a source, in the order of their publication.
struct PlannedTimes {
  struct Arrival {
    TimePoint captured;
    TimePoint published;
  };
  std::function<Arrival(int source)> next_arrival;
  std::function<Seconds(int node, std::size_t samples)> call_time;
};

/// The events so far.
struct Played {
  struct End {
    TimePoint at;
    double age = 0;  // seconds
  };
  struct Work {
    std::uint64_t calls = 0;
    std::uint64_t samples = 0;
    std::uint64_t refused = 0;  // samples whose parent had to wait for room
    double busy = 0;            // seconds, summed over the seats
  };
  std::map<int, std::vector<End>> ends;  // ends of each node and reader that is one
  std::map<int, Work> work;              // work of each node
  std::map<int, std::vector<EdgeStats>> edges;
  bool source_waited = false;  // for room: then nothing further was played
};

/// Note [Playing a graph]
/// An Inbox needs no thread: take() without a wait, arm(), would_wait() and put() are what an event loop needs, and its
/// clock is the loop's. So the simulation has no other queues, and they behave as they will behave. The code here
/// does what a thread does between them: calls that take their time, results that leave in their order, and a parent
/// that waits for room. The samples are empty.
///
/// Plays until no event is left before `until`.
[[nodiscard]] Played play(const Plan& plan, const PlannedTimes& times, TimePoint begin, TimePoint until);

}  // namespace freshframe::core
