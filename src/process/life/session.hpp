// Ends what a session has left: the processes that a worker started, also those in groups of their own.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace freshframe::process {

/// Kills each process of the session except the calling one, and looks again until it finds none,
/// `most_looks` times at most. The session's number must be that of a process that is not reaped yet, or of
/// the caller's own session: otherwise it may be another session's by now. Takes no lock and allocates
/// nothing: a signal handler may call it.
void end_session(int session, int most_looks) noexcept;

}  // namespace freshframe::process
