// The function of a native call chain to name: the one that Python called, not the wrappers around it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <unordered_map>

#include "gil_watch/stacks/call_stack.hpp"

namespace freshframe::gil {

/// Names of C functions that Python can call, by their address: "builtins:sorted", "builtins:list.sort".
using CallableNames = std::unordered_map<std::uintptr_t, std::string>;

/// Returns "library:symbol" of the culprit, or "" when the interpreter itself ran bytecode.
///
/// Of the frames above the innermost interpreter loop it takes, from Python's side: the first function of a
/// foreign library that is not glue of a binding library; else the first that Python can call by name; else,
/// below ctypes, the C library's function; else the first of the interpreter's own that is not call
/// machinery.
std::string name_culprit(std::span<const NativeFrame> chain, const CallableNames& names);

/// Whether the chain is in a collection that no code called by name: the interpreter ran it, because an
/// object was made or because it was due. False in an interpreter whose names were stripped.
bool in_collector(std::span<const NativeFrame> chain, const CallableNames& names);

/// The name of such a collection.
inline constexpr const char* kCollection = "gc:collection";

/// The frames that name_culprit() considers: those above the innermost interpreter loop, innermost first.
std::span<const NativeFrame> above_interpreter(std::span<const NativeFrame> chain);

}  // namespace freshframe::gil
