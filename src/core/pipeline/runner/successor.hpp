// A replacement in progress: a new node that is opened next to the one that it will replace.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/node.hpp"

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>

namespace freshframe::core {

class NodeRun;
class Runner;

/// Note [Replacing a node]
///
/// Each replacement has a thread, which opens the new node, offers it to the runner, waits until it is in
/// place, and closes the old one. The runner swaps the nodes between two calls, so it has exactly one node at
/// any time, and keeps its inbox, outlet and name. A runner that is waiting for a sample is woken by
/// Inbox::wake(). The read() of a source is interrupted by the stop of its NodeRun. The pipeline does not end
/// before the replacement's thread. A runner that is waiting for room downstream may be waiting for the very
/// thread that calls replace(), which therefore leaves the rest to the replacement's thread.
///
/// The embedder opens and closes nodes that run outside. Such a node is already open when the replacement
/// starts, and a node that is left over is closed by the caller of replace() or, if that has given up, by the
/// runner's thread. The embedder's threads also run native nodes, by run_inside(). A native thread ends once
/// a node that runs outside is in place, which is Placed only then: a thread of the embedder continues.
///
/// Shared by the call of replace(), the replacement's thread and the runner. Guarded by the mutex of Life,
/// except `takes_thread` and `over`.
struct Successor {
  enum class State : std::uint8_t { Opening, Offered, Placed, Refused };

  std::shared_ptr<Runner> runner;  // reset when the replacement has finished
  std::shared_ptr<NodeRun> next;
  std::shared_ptr<NodeRun> old;           // set once the new node is in place
  std::shared_ptr<NodeBase> before = {};  // the previous node, if it has NodeContract::runs_outside
  State state = State::Opening;
  bool given_up = false;      // whether the caller of replace() has given up
  bool left = false;          // whether the caller left once the outcome was certain
  bool awaited = true;        // whether the caller throws the error; otherwise it is logged
  bool is_callers = true;     // whether the caller closes the node not in use, if it runs outside the engine
  bool takes_thread = false;  // whether an embedder's thread continues where a native one ends; constant
  std::exception_ptr error = {};  // thrown by the new node's open() or the old node's close()
  std::atomic<bool> over{false};  // true once nothing is left to do; read `error` only then
};

}  // namespace freshframe::core
