// Another node takes the place of a running one: it opens beside the old one, and keeps its edges and counters.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <string>
#include <thread>
#include <utility>

#include "core/pipeline/pipeline_core.hpp"
#include <cxxabi.h>

namespace freshframe::core {
namespace {

constexpr Seconds kLookSlice{0.05};  // of a wait, between two looks
using Watch = std::chrono::steady_clock;

[[noreturn]] void refuse(const std::string& name, const std::string& why) {
  throw GraphError("'" + name + "' cannot be replaced by a node that " + why +
                   ": remove() it and add() the other");
}

// The other nodes see no difference between the two.
void check_alike(const Runner& runner, const NodeBase& next) {
  const auto& old = runner.node();
  const auto& name = runner.name();
  if (old.is_source() != next.is_source()) refuse(name, next.is_source() ? "is a source" : "is no source");
  if (runner.runs_outside() || next.runs_outside())
    refuse(name, "runs elsewhere: one is native, the other is not");
  if (old.output_type() != next.output_type()) refuse(name, "gives another type");
  if (runner.is_source() && runner.source()->live() != static_cast<const SourceBase&>(next).live()) {
    refuse(name, runner.source()->live() ? "is not live" : "is live");
  }
  if (old.gives_several() != next.gives_several()) refuse(name, "gives another number of results per sample");
  if (old.wake_every() != next.wake_every() || old.finishes() != next.finishes()) {
    refuse(name, "has another on_time() or finish()");
  }
  if (old.is_recorder() || next.is_recorder()) refuse(name, "is a recorder, whose file would be cut");
  if (runner.batch() && !next.takes_batches()) refuse(name, "takes no batches");
  if (runner.joins() && !next.takes_sets()) refuse(name, "takes no sets");
}

}  // namespace

std::shared_ptr<Runner> Graph::replaceable(int index, const NodeBase& next) const {
  if (index < 0 || index >= size()) throw GraphError("replace() needs a port of this pipeline");
  if (!has(index) || runner(index).removal() != nullptr) throw StateError("the node to replace was removed");
  const auto found = shared_runner(index);
  check_alike(*found, next);
  std::vector<AnyPort> parents;
  for (const auto& wire : wires_of(index)) parents.emplace_back(wire.parent, wire.source);
  if (!found->joins()) check_parents(&next, found->name(), parents);
  if (next.needs_one_source()) check_one_source("'" + found->name() + "'", parents);
  return found;
}

void PipelineCore::replace(int index, const std::shared_ptr<NodeBase>& node, const Look& look) {
  if (!node) throw GraphError("replace() needs a node, got none");
  const auto successor = std::make_shared<Successor>();
  std::shared_ptr<Runner> runner;
  {
    const Lock building(building_);
    if (!check_changes("replace()"))
      throw StateError("replace() before start(): add() the other node instead");
    runner = graph_.replaceable(index, *node);
    if (!runner->connected()) throw StateError("'" + runner->name() + "' is still being added");
    if (!runner->begin_replacement(successor)) {
      throw StateError("'" + runner->name() + "' has ended, or is being replaced by another call");
    }
    successor->node = node;
  }
  if (runner->is_source()) {
    successor->reading =
        std::make_shared<Reading>(runner->stop_token(), *clock(), runner->context().counters, runner->name());
  }
  std::jthread opener([this, runner, successor] { open_successor(*runner, *successor); });
  // A node's own thread takes the successor after this call.
  if (called_from_runner()) {
    opener.join();
    return;
  }
  for (bool done = false; !done;) {
    {
      const Lock lock(mutex_);
      const auto ended = [&]() FRESHFRAME_REQUIRES(mutex_) {
        return successor->state == Successor::State::Failed || successor->state == Successor::State::Placed;
      };
      done = changed_.wait_until(mutex_, *Clock::real(), Watch::now() + to_duration(kLookSlice), ended);
    }
    if (done || !look) continue;
    try {
      look();
    } catch (...) {  // it may still take over, or its open() ends with this
      if (successor->reading) successor->reading->stop.request_stop();
      throw;
    }
  }
  const Lock lock(mutex_);
  if (successor->error) std::rethrow_exception(successor->error);
}

void PipelineCore::open_successor(Runner& runner, Successor& successor) {
  try {
    expect_no_lock();
    successor.node->open(successor.reading ? successor.reading->context : runner.context());
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (const std::exception& error) {
    runner.end_replacement();
    end_replacement(runner, successor, Successor::State::Failed,
                    error_of(runner, std::current_exception(), error.what(), {}));
    return;
  } catch (...) {
    runner.end_replacement();
    end_replacement(
        runner, successor, Successor::State::Failed,
        error_of(runner, std::current_exception(), "an exception not derived from std::exception", {}));
    return;
  }
  {
    const Lock lock(mutex_);
    if (successor.state == Successor::State::Opening) successor.state = Successor::State::Opened;
  }
  if (is_opened(successor)) {
    runner.call_successor();
  } else {  // the runner has ended meanwhile
    close_unplaced(successor);
  }
}

bool PipelineCore::is_opened(const Successor& successor) const {
  const Lock lock(mutex_);
  return successor.state == Successor::State::Opened;
}

// Its failure has no reader: replace() reports that nothing was replaced.
void PipelineCore::close_unplaced(Successor& successor) {
  try {
    expect_no_lock();
    successor.node->close();
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (const std::exception& error) {
    log(LogLevel::Error,
        std::string("a node that was to replace another one failed to close: ") + error.what());
  } catch (...) {
    log(LogLevel::Error, "a node that was to replace another one failed to close");
  }
}

void PipelineCore::place(Runner& runner, Successor& successor) {
  const Lock building(building_);
  runner.place(successor.node);
}

void PipelineCore::end_replacement(Runner& runner, Successor& successor, Successor::State state,
                                   std::exception_ptr error) {
  std::string text = "it failed to close";
  if (error && state == Successor::State::Placed) {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& known) {
      text = known.what();
    } catch (...) {  // NOLINT(bugprone-empty-catch): its text is unknown
    }
    error = error_of(runner, error, text, {});
  }
  if (state == Successor::State::Failed && is_opened(successor)) close_unplaced(successor);
  const Lock lock(mutex_);
  successor.state = state;
  successor.error = std::move(error);
  changed_.notify_all();
}

void PipelineCore::wake_for_replacement(int index) {
  const auto node = runner(index);
  if (node) node->inbox().wake();
}

}  // namespace freshframe::core
