// The records of a pipeline's nodes and readers.
// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <utility>
#include <vector>

#include "core/pipeline/pipeline_core.hpp"
#include "core/why/age_parts.hpp"

namespace freshframe::core {
namespace {

struct Rings {
  Stops stops;
  std::map<const Inbox*, int> numbers;
  std::vector<std::shared_ptr<Runner>> runners;
  std::vector<std::shared_ptr<ReaderCore>> readers;

  void add(std::shared_ptr<Runner> runner) {
    Stop stop;
    stop.name = runner->name();
    stop.is_source = runner->is_source();
    stop.is_end = !stop.is_source && runner->outlet().outputs().newest()->edges.empty();
    stop.has_workers = !runner->node().workers().empty();
    stop.gathers = runner->batch().has_value();
    stop.joins = runner->joins();
    numbers[&runner->inbox()] = runner->index();
    stops.emplace(runner->index(), std::move(stop));
    runners.push_back(std::move(runner));
  }

  void add(const std::shared_ptr<ReaderCore>& reader) {
    readers.push_back(reader);
    const int number = -static_cast<int>(readers.size());
    numbers[&reader->inbox()] = number;
    stops.emplace(
        number,
        Stop{.name = reader->name(), .is_reader = true, .is_end = true, .joins = reader->inbox().joins()});
  }

  // A node puts a sample on its edges in turn, and waits where one blocks.
  void find_blocking_edges() {
    for (const auto& runner : runners) {
      bool blocks = false;
      for (const auto& output : runner->outlet().outputs().newest()->edges) {
        blocks = blocks || output.edge->options.queue.blocks();
        const auto child = numbers.find(output.inbox.get());
        if (blocks && child != numbers.end()) stops.at(child->second).after_room.insert(runner->index());
      }
    }
  }

  void copy_calls() {
    for (const auto& runner : runners) stops.at(runner->index()).calls = runner->calls().calls();
    for (std::size_t i = 0; i < readers.size(); ++i)
      stops.at(-static_cast<int>(i) - 1).calls = readers[i]->calls().calls();
  }
};

}  // namespace

std::vector<Age> PipelineCore::ages(Seconds latest) const {
  Rings rings;
  {
    const Lock lock(building_);
    for (auto& runner : graph_.runners()) rings.add(std::move(runner));
    for (const auto& reader : graph_.readers()) rings.add(reader);
  }
  rings.find_blocking_edges();
  rings.copy_calls();
  const auto now = clock()->now();
  return ages_of(rings.stops, now - to_duration(latest), now);
}

}  // namespace freshframe::core
