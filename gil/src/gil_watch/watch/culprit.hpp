// Finds the function to blame in a native call stack: the one that Python called, not the wrappers around it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "gil_watch/stacks/call_stack.hpp"

namespace freshframe::gil {

/// The name of a C function that Python can call.
struct CallableName {
  // NOLINTNEXTLINE(google-explicit-constructor): a text is the name of a function or method
  CallableName(const char* name) : text(name) {}
  explicit CallableName(std::string name, bool is_slot = false) : text(std::move(name)), slot(is_slot) {}

  std::string text;   // "builtins:sorted", "builtins:list.sort"; empty if it only calls other functions
  bool slot = false;  // whether it is a type slot, which C code may call directly
};

/// Names by function address.
using CallableNames = std::unordered_map<std::uintptr_t, CallableName>;

/// The name for internal work of an interpreter without symbols.
inline constexpr const char* kInterpreter = "the interpreter";

/// Returns "library:symbol" of the culprit, or "" if the interpreter itself ran bytecode.
///
/// Considers the frames called by the innermost interpreter loop, starting with the one that Python called,
/// and returns the first that exists of these:
/// - a function of a foreign library, except the glue of a binding library
/// - a function that Python can call by name, unless ctypes made the call
/// - a function of a system library, if ctypes made the call
/// - a function of the interpreter, except its call machinery
///
/// A type slot called by a function without a name does not name that function: `set(list)` is not
/// `list_iterator.__next__`.
std::string name_culprit(std::span<const NativeFrame> chain, const CallableNames& names);

/// Returns kCollection if the stack is in an automatic garbage collection, "gc:collect" if code requested it,
/// and an empty string if it is in none, or if the interpreter has no symbols.
std::string collection_name(std::span<const NativeFrame> chain, const CallableNames& names);

/// The name of an automatic collection.
inline constexpr const char* kCollection = "gc:collection";

/// The frames that name_culprit() considers: those called by the innermost interpreter loop, innermost first.
std::span<const NativeFrame> above_interpreter(std::span<const NativeFrame> chain);

/// Returns true if the function at `from` contains a direct jump to `to`, as in a tail call or a jump to a
/// split-off part. Searches its first 4 KiB.
[[nodiscard]] bool jumps_to(std::uintptr_t from, std::uintptr_t to);

/// Finds functions reached by a tail call: a function that Python calls may only unpack its arguments and
/// jump to an implementation, which replaces it on the stack and has no name in a stripped library. Not
/// thread-safe.
class Implementations {
 public:
  /// Adds the unnamed functions of the chain to `names`, each with the name of the only function in `names`
  /// that jumps to it. The first search for a function takes about ten milliseconds; repeated ones are free.
  void learn(std::span<const NativeFrame> chain, CallableNames& names);

 private:
  std::unordered_set<std::uintptr_t> known_;  // functions already searched for
};

}  // namespace freshframe::gil
