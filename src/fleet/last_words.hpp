// Whose camera's thread has crashed an agent: written by a signal handler into a page that the starter has, too.
// SPDX-License-Identifier: Apache-2.0
//
// Note [Whose thread]
// A crash happens in a thread of a node, of a decoder, of a library that a node has called. All of them were
// started, through whatever others, by the thread that built and started the camera's pipeline. Linux has one
// number of each thread that a new one gets from the thread that makes it, and that a signal handler may
// read: its timer slack (prctl(2), PR_SET_TIMERSLACK), 50,000 ns unless it was set. An agent adds
// the run's slot to it, at most 4,096 ns, before it builds and starts a camera. The value that a crash finds there
// names the run. A thread without a slot (a pool that the process made before its first camera, a thread with
// realtime priority) names none. A thread that outlives its run (of a pool that a library made when a camera first
// used it, and that others use, too) names a run that is over, which accuses no camera. While its run lives, it
// cannot be distinguished from a decoder's thread.
//
// Note [Alternate stacks]
// A handler needs a stack, and a thread whose stack has overflowed has none: the kernel then ends the process
// without a word. So each thread of a node, and each thread that calls enter_run(), has another one for its
// handlers. Threads that libraries start have none.
#pragma once

#include "fleet/records.hpp"
#include "process/wire/descriptor.hpp"

namespace freshframe::fleet {

/// Maps the page (LastWords) and begins to handle fatal signals; the handlers set before are called after
/// it. Threads of nodes that begin from now on have an alternate stack. Once in a process. Throws Error.
void keep_last_words(process::Descriptor page);

/// A slot of a run, until forget_slot().
void open_slot(Run run) noexcept;
/// The calling thread works for a run until leave_run(), and so does each thread that it starts meanwhile, as long as
/// that lives. Without a slot of the run both do nothing.
void enter_run(Run run) noexcept;
void leave_run() noexcept;
/// Frees the run's slot. A thread that is left of it names no run, or the next one of the slot.
void forget_slot(Run run) noexcept;

/// The calling thread is about to end the process, by exit() for example: that counts as a fault of its run.
void say_fault(std::uint32_t number) noexcept;
/// The process ends since it has to.
void say_end_in_order(std::uint32_t status) noexcept;

}  // namespace freshframe::fleet
