// A report of one stall: plain data, created without the GIL.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gil_watch/cpython/python_frames.hpp"
#include "gil_watch/stacks/call_stack.hpp"
#include <sys/types.h>

namespace freshframe::gil {

using Clock = std::chrono::steady_clock;

/// What held the GIL: a call of native code, the garbage collector, or bytecode.
enum class StallKind : std::uint8_t { Call, Collector, Bytecode };

/// The GIL was unavailable for this long, and the named thread held it for most of that time.
struct Stall {
  Clock::time_point began;
  Clock::duration duration{};  // excludes `delayed`
  Clock::duration delayed{};   // time in which the named thread held the GIL but waited for a CPU
  Clock::duration computed{};  // CPU time of the named thread within `duration`
  Clock::duration share{};     // time in which the named thread held the GIL, excluding `delayed`
  StallKind kind = StallKind::Call;
  unsigned long python_id = 0;  // threading.get_ident()
  pid_t native_id = 0;
  std::string thread;       // the thread's name in Python, or in the kernel
  bool blocked = false;     // true if the thread waited in the kernel, false if it was on the CPU
  std::string system_call;  // the system call that the thread waited in
  std::string native;       // "library:symbol" that Python called; "" if unknown, or for bytecode
  std::vector<NativeFrame> native_frames;  // innermost first
  std::vector<PythonFrame> python_frames;  // innermost first
  std::optional<PythonFrame> program;      // innermost frame of the program's own code
};

}  // namespace freshframe::gil
