// Native call stacks with function names, unwound from a sample of a thread with the compilers' unwind
// tables.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "gil_watch/stacks/stack_sample.hpp"

namespace freshframe::gil {

struct NativeFrame {
  std::string library;  // file name without folder
  std::string symbol;   // demangled name; empty if the library has no symbol for the function
  std::uintptr_t address = 0;
  std::uintptr_t function = 0;  // start address of the function; 0 if unknown
  std::uintptr_t library_base = 0;
  bool loop = false;     // whether the function is the interpreter's, and runs bytecode
  bool guessed = false;  // this frame or an inner one was guessed from a word on the stack

  /// "libc.so.6:usleep", or with the offset in the library if there is no symbol.
  [[nodiscard]] std::string text() const;
};

/// The stack of the calling thread.
StackSample sample_here();

/// Unwinds copies of stacks of this process with libdw (elfutils), by call frame information: frame pointers
/// are not needed. Where a step needs unknown registers, it searches for return addresses on the stack. For
/// one thread; the first use of a library reads its tables, which takes milliseconds.
class CallStacks {
 public:
  CallStacks();
  ~CallStacks();
  CallStacks(const CallStacks&) = delete;
  CallStacks& operator=(const CallStacks&) = delete;

  /// Returns at most 128 frames, innermost first. A frame of a library unloaded since the sample has no
  /// symbol.
  [[nodiscard]] std::vector<NativeFrame> unwind(const StackSample& sample);

  /// Finds the address of the interpreter's loop from a stack on which bytecode has called our function. In a
  /// stripped interpreter the cold parts of the loop have no names.
  void learn_loop(const StackSample& sample);

  /// Describes the code at an address.
  [[nodiscard]] NativeFrame describe(std::uintptr_t address);

 private:
  struct Session;
  void run(const StackSample& sample);
  void forget_unloaded(const StackSample& sample, std::vector<NativeFrame>& frames);
  std::unique_ptr<Session> session_;
};

/// Offset in `stack` of the first word at or after `from` that points behind a call instruction, or the size
/// of the stack if there is none. This is a guess: the word may be left over from an earlier call.
std::size_t find_return_address(std::span<const std::byte> stack, std::size_t from);

}  // namespace freshframe::gil
