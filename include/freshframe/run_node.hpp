// One node alone, without a pipeline: for tests of nodes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/node.hpp"

#include <cstdint>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

namespace freshframe {

/// The output of a node for one value.
template <class Out>
struct NodeResult {
  std::int64_t seq = 0;  // of the value, from 0
  Out value;
};

/// Calls open(), process() for each value in turn, and close(), all on this thread. Returns the emitted
/// values. Value `seq` has the pts seq / `fps`. A value that is a frame is also its sample's frame. The
/// node's exceptions propagate.
template <class In, class Out>
std::vector<NodeResult<Out>> run_node(Node<In, Out>& node, const std::vector<In>& values, double fps = 30) {
  const auto clock = Clock::real();
  NodeCounters counters;
  const Context context{std::stop_token(), *clock, counters};
  node.open(context);
  std::vector<NodeResult<Out>> results;
  try {
    for (std::int64_t seq = 0; const auto& value : values) {
      auto given = detail::to_emitted<In>(value);
      AnySample sample{{seq, static_cast<double>(seq) / fps, clock->now(), 0},
                       std::move(given.frame),
                       std::move(given.value)};
      if (auto out = node.process(Sample<In>(std::move(sample)), context))
        results.push_back({seq, *std::move(out)});
      ++seq;
    }
  } catch (...) {
    node.close();
    throw;
  }
  node.close();
  return results;
}

/// The same for a node of several results per sample.
template <class In, class Result>
std::vector<NodeResult<Result>> run_node(OutNode<In, Result>& node, const std::vector<In>& values,
                                         double fps = 30) {
  class Kept final : public AnyOut {
   public:
    Kept() = default;
    ~Kept() = default;
    bool emit(Emitted result) override {
      const auto of = result.like ? result.like->seq : seq;
      results.push_back({of, Sample<Result>({{}, result.frame, result.value}).value});
      return true;
    }
    std::int64_t seq = 0;
    std::vector<NodeResult<Result>> results;
  };
  const auto clock = Clock::real();
  NodeCounters counters;
  const Context context{std::stop_token(), *clock, counters};
  Kept kept;
  Out<Result> out(kept);
  node.open(context);
  try {
    for (const auto& value : values) {
      auto given = detail::to_emitted<In>(value);
      node.process(Sample<In>({{kept.seq, static_cast<double>(kept.seq) / fps, clock->now(), 0},
                               std::move(given.frame),
                               std::move(given.value)}),
                   out, context);
      ++kept.seq;
    }
  } catch (...) {
    node.close();
    throw;
  }
  node.close();
  return std::move(kept.results);
}

}  // namespace freshframe
