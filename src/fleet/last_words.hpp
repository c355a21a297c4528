// Records which camera's thread has crashed an agent, from a signal handler, in a page shared with the parent
// process.
// SPDX-License-Identifier: Apache-2.0
//
// Note [Whose thread]
// A crash happens in a thread of a node, of a decoder, or of a library that a node has called. All of them
// were started, directly or indirectly, by the thread that built and started the camera's pipeline. On Linux
// there is one number that a new thread inherits from the thread that creates it, and that a signal handler
// may read: its timer slack (prctl(2), PR_SET_TIMERSLACK), which is 50,000 ns unless it was set. An agent
// adds the run's slot to it, at most 4,096 ns, before it builds and starts a camera, so the value that a
// crash finds there identifies the run. A thread without a slot (of a pool that the process made before its
// first camera, or a thread with realtime priority) identifies no run. A thread that outlives its run (of a
// pool that a library made when a camera first used it, and that other cameras use, too) identifies a run
// that has finished, so no camera is accused. Until then it cannot be distinguished from a decoder's thread.
//
// Note [Alternate stacks]
// A handler needs a stack, and a thread whose stack has overflowed has none: the kernel then ends the process
// before the handler can record anything. So each thread of a node, and each thread that calls enter_run(),
// has a second stack for its handlers. Threads that libraries start do not have one.
#pragma once

#include "fleet/records.hpp"
#include "process/wire/descriptor.hpp"

namespace freshframe::fleet {

/// Maps the page (LastWords) and installs handlers for fatal signals, which call the previous handlers
/// afterwards. Threads of nodes that start from now on get an alternate stack. Must be called once per
/// process. Throws Error.
void keep_last_words(process::Descriptor page);

/// Reserves a slot for a run until forget_slot().
void open_slot(Run run) noexcept;
/// Assigns the calling thread, and all threads that it starts, to a run. leave_run() ends that for the
/// calling thread only. Both do nothing without a slot for the run.
void enter_run(Run run) noexcept;
void leave_run() noexcept;
/// Frees the run's slot. A remaining thread of the run is then assigned to no run, or to the next one in the
/// slot.
void forget_slot(Run run) noexcept;

/// Must be called before a thread ends the process, for example with exit(): counts as a fault of its run.
void say_fault(std::uint32_t number) noexcept;
/// Must be called before an intended end of the process.
void say_end_in_order(std::uint32_t status) noexcept;

}  // namespace freshframe::fleet
