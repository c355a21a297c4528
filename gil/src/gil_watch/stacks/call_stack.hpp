// Native call chains with names, from a sample of a thread, unwound by the compilers' unwind tables.
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
  std::string library;  // file name without folders
  std::string symbol;   // demangled; empty means the library has none for it
  std::uintptr_t address = 0;
  std::uintptr_t function = 0;  // the function's start; 0 if unknown
  std::uintptr_t library_base = 0;
  bool loop = false;     // a function of the interpreter that runs bytecode
  bool guessed = false;  // it, or an inner frame, was guessed from a word on the stack

  /// "libc.so.6:usleep", or with the offset in the library when it has no symbol.
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

  /// Innermost first, at most 128 frames. A frame of a library that was unloaded since the sample has no
  /// symbol.
  [[nodiscard]] std::vector<NativeFrame> unwind(const StackSample& sample);

  /// Learns the address of the interpreter's loop from a stack on which bytecode has called our function. In a
  /// stripped interpreter the cold parts of the loop have no names.
  void learn_loop(const StackSample& sample);

  /// The data about one address of code.
  [[nodiscard]] NativeFrame describe(std::uintptr_t address);

 private:
  struct Session;
  void run(const StackSample& sample);
  void forget_unloaded(const StackSample& sample, std::vector<NativeFrame>& frames);
  std::unique_ptr<Session> session_;
};

/// Offset in `stack` of the first word at or after `from` that points after a call instruction, or the stack's size
/// without one. It may be left over from a call that has ended, so the result is a guess.
std::size_t find_return_address(std::span<const std::byte> stack, std::size_t from);

}  // namespace freshframe::gil
