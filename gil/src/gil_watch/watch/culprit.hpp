// The function of a native call chain to name: the function that Python called, not the wrappers around it.
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

  std::string text;   // "builtins:sorted", "builtins:list.sort"; empty means it only calls others
  bool slot = false;  // a slot of a type's record: C code calls it without going through Python's calls
};

/// Such names by the functions' addresses.
using CallableNames = std::unordered_map<std::uintptr_t, CallableName>;

/// The name of what an interpreter without symbols does in an internal function, which is no API.
inline constexpr const char* kInterpreter = "the interpreter";

/// Returns "library:symbol" of the culprit, or "" when the interpreter itself ran bytecode.
///
/// Takes, of the frames above the innermost interpreter loop and from Python's side: the first function of a
/// foreign library that is not glue of a binding library; else the first that Python can call by name; else,
/// below ctypes, the C library's function; else the first of the interpreter's own that is not call
/// machinery. A slot that a nameless function calls says nothing about that function: `set(list)` is no
/// `list_iterator.__next__`.
std::string name_culprit(std::span<const NativeFrame> chain, const CallableNames& names);

/// The name of the garbage collection that the chain is in: kCollection, or gc:collect if code called it by that
/// name. Empty means it is in none, or in the collection of an interpreter whose symbols were stripped.
std::string collection_name(std::span<const NativeFrame> chain, const CallableNames& names);

/// The name of a collection that the interpreter ran, because an object was made or because it was due.
inline constexpr const char* kCollection = "gc:collection";

/// The frames that name_culprit() considers: those above the innermost interpreter loop, innermost first.
std::span<const NativeFrame> above_interpreter(std::span<const NativeFrame> chain);

/// Whether the function that begins at `from` has a direct jump to `to`: what compilers make of a call in its last
/// statement, and of the way to the part of a function that they have put elsewhere. Looks at its first 4 KiB.
[[nodiscard]] bool jumps_to(std::uintptr_t from, std::uintptr_t to);

/// A function that Python calls may only unpack its arguments and jump to the function that does the work. That
/// function is then on the stack in its place, and in a stripped library it has no name. For one thread.
class Implementations {
 public:
  /// Adds the nameless functions of the chain to `names`, each under the name of the only function in `names` that jumps
  /// to it. The first look at a function takes some ten milliseconds, and further ones nothing.
  void learn(std::span<const NativeFrame> chain, CallableNames& names);

 private:
  std::unordered_set<std::uintptr_t> known_;  // functions that were looked at
};

}  // namespace freshframe::gil
