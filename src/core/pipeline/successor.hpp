// A node that is about to take the place of another one.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/node.hpp"

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <stop_token>
#include <string_view>

namespace freshframe::core {

/// The calls of one source end with a stop of the pipeline, with its removal, and when another one takes over.
struct Reading {
  Reading(const std::stop_token& until, const Clock& clock, NodeCounters& counters, std::string_view name)
      : context{stop.get_token(), clock, counters, name}, chained(until, [this] { stop.request_stop(); }) {}

  std::stop_source stop;
  const Context context;
  const std::stop_callback<std::function<void()>> chained;  // last: it may fire at once
};

/// Shared by the call of replace(), the thread that opens the node, and the runner.
struct Successor {
  enum class State : std::uint8_t { Opening, Opened, Failed, Placed };

  std::shared_ptr<NodeBase> node;    // once placed: the one that it replaced
  std::shared_ptr<Reading> reading;  // of a source
  // ---- guarded by the pipeline's mutex
  State state = State::Opening;
  std::exception_ptr error = {};  // of the new node's open(), or of the old one's close()
};

}  // namespace freshframe::core
