// Names of functions without symbols that do the work of one which Python can call.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <unordered_set>

#include "gil_watch/stacks/call_stack.hpp"
#include "gil_watch/watch/culprit.hpp"

namespace freshframe::gil {

/// Whether the function that begins at `from` has a direct jump to `to`: what compilers make of a call in its last
/// statement, and of the way to the part of a function that they have put elsewhere. Looks at its first 4 KiB.
[[nodiscard]] bool jumps_to(std::uintptr_t from, std::uintptr_t to);

/// A function that Python calls may only unpack its arguments and jump to the one that does the work. The latter is then
/// on the stack in its place, and in a stripped library it has no name. For one thread.
class Implementations {
 public:
  /// Adds the nameless functions of the chain to `names`, each under the name of the only function in `names` that jumps
  /// to it. The first look at a function takes some ten milliseconds, and further ones nothing.
  void learn(std::span<const NativeFrame> chain, CallableNames& names);

 private:
  std::unordered_set<std::uintptr_t> known_;  // functions that were looked at
};

}  // namespace freshframe::gil
