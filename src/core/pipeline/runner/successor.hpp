// A replacement that is under way: a node that opens beside the one whose place it is to take.
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
/// Each replacement has a thread, which opens the new node, offers it to the runner, waits until it has taken its
/// place, and closes the old one. The runner swaps the two between two calls, so it has one node at any time, and
/// keeps its inbox, its outlet and its name. A runner that waits for a sample is woken by Inbox::wake(). The read()
/// of a source is ended by the stop of its NodeRun. The pipeline does not end before the thread has. A runner that
/// waits for room below may wait for the very thread that calls replace(), which therefore leaves the rest to the
/// thread of the replacement.
///
/// The object of a node that runs outside is its embedder's to open and to close. It is open when the replacement
/// begins. A node that is left over is closed by the caller of replace(), or by the runner's thread if the caller has
/// gone. The thread of an embedder also runs native nodes, by run_inside(). A native thread ends when a node that
/// runs outside has taken the place, and only then is that Placed: a thread of the embedder goes on.
///
/// Shared by the call of replace(), that thread, and the runner. Guarded by the mutex of Life, except `takes_thread`
/// and `over`.
struct Successor {
  enum class State : std::uint8_t { Opening, Offered, Placed, Refused };

  std::shared_ptr<Runner> runner;  // until it is over
  std::shared_ptr<NodeRun> next;
  std::shared_ptr<NodeRun> old;           // once placed
  std::shared_ptr<NodeBase> before = {};  // the node that was there, if it runs outside
  State state = State::Opening;
  bool given_up = false;          // by the caller
  bool left = false;              // by the caller, who knows that it takes the place or the runner ends
  bool awaited = true;            // the caller throws the error; else it is logged
  bool is_callers = true;         // the node that is left over, if it runs outside
  bool takes_thread = false;      // a thread of the embedder goes on where a native one ends; never changed
  std::exception_ptr error = {};  // raised by open(), or by the old node's close()
  std::atomic<bool> over{false};  // nothing is left to do; `error` is read after it
};

}  // namespace freshframe::core
