// Runs a single node without a pipeline, for tests.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/node.hpp"

#include <cstdint>
#include <stop_token>
#include <utility>
#include <vector>

namespace freshframe {

/// An output value of a node.
template <class Out>
struct NodeResult {
  std::int64_t seq = 0;  // index of the input value, from 0; -1 for finish()
  Out value;
};

namespace detail {

template <class Out>
class KeptResults final : public AnyOut {
 public:
  KeptResults() = default;
  ~KeptResults() = default;
  bool emit(Emitted result) override {
    const auto number = result.like ? result.like->seq : seq;
    results.push_back({number, Sample<Out>({{}, result.frame, result.value}).value});
    return true;
  }

  std::int64_t seq = 0;
  std::vector<NodeResult<Out>> results;
};

template <class In, class Out, class Process>
std::vector<NodeResult<Out>> run_alone(NodeBase& node, const std::vector<In>& values, double fps,
                                       const Process& process) {
  const auto clock = Clock::real();
  NodeCounters counters;
  const Context context{std::stop_token(), *clock, counters};
  KeptResults<Out> kept;
  node.open(context);
  try {
    for (const auto& value : values) {
      auto given = to_emitted<In>(value);
      AnySample sample{{kept.seq, static_cast<double>(kept.seq) / fps, clock->now(), 0},
                       std::move(given.frame),
                       std::move(given.value)};
      process(Sample<In>(std::move(sample)), kept, context);
      ++kept.seq;
    }
    kept.seq = -1;
    if (node.contract().finishes) node.finish_any(kept, context);
  } catch (...) {
    node.close();
    throw;
  }
  node.close();
  return std::move(kept.results);
}

}  // namespace detail

/// Calls open(), process() for each value, finish() if the node has it, and close(), all on this thread.
/// Returns the emitted values. Value `seq` gets the pts `seq` / `fps`; if it is a frame, it is also its
/// sample's frame. on_tick() is never called. Exceptions of the node propagate.
template <class In, class Out>
std::vector<NodeResult<Out>> run_node(Node<In, Out>& node, const std::vector<In>& values, double fps = 30) {
  return detail::run_alone<In, Out>(
      node, values, fps,
      [&](const Sample<In>& sample, detail::KeptResults<Out>& kept, const Context& context) {
        if (auto out = node.process(sample, context)) kept.results.push_back({kept.seq, *std::move(out)});
      });
}

/// Like the overload above, for a node with any number of results per sample.
template <class In, class Result>
std::vector<NodeResult<Result>> run_node(OutNode<In, Result>& node, const std::vector<In>& values,
                                         double fps = 30) {
  return detail::run_alone<In, Result>(
      node, values, fps,
      [&](const Sample<In>& sample, detail::KeptResults<Result>& kept, const Context& context) {
        Out<Result> out(kept);
        node.process(sample, out, context);
      });
}

}  // namespace freshframe
