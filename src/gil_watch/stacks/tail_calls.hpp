// Names for functions that replaced a named one by a tail call: compilers turn `return f_impl(x);` into a jump,
// and the named function is then no longer on the stack.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "gil_watch/watch/culprit.hpp"

namespace freshframe::gil {

/// The name of the one function of `names` that jumps to `function`; empty when there is none, or more than
/// one. Reads the code of all of them: milliseconds. Always empty on aarch64.
std::string name_of_jumper(std::uintptr_t function, const CallableNames& names);

}  // namespace freshframe::gil
