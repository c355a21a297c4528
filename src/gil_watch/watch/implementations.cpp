// Asks all functions with names whether they jump to one without.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/watch/implementations.hpp"

#include <algorithm>

#include "gil_watch/stacks/direct_jumps.hpp"

namespace freshframe::gil {
namespace {

// Functions of one library are no further apart.
constexpr std::uintptr_t kReach = std::uintptr_t{64} << 20U;

// nullptr: none jumps there, or several do, which share it.
const CallableName* only_one_that_jumps_to(std::uintptr_t function, const CallableNames& names) {
  const CallableName* found = nullptr;
  for (const auto& [address, name] : names) {
    const std::uintptr_t apart = std::max(address, function) - std::min(address, function);
    if (name.text.empty() || apart > kReach || !jumps_to(address, function)) continue;
    if (found != nullptr && found->text != name.text) return nullptr;
    found = &name;
  }
  return found;
}

}  // namespace

void Implementations::learn(std::span<const NativeFrame> chain, CallableNames& names) {
  constexpr std::size_t kMost = 1000;
  for (const NativeFrame& frame : above_interpreter(chain)) {
    if (!frame.symbol.empty() || frame.function == 0 || names.contains(frame.function)) continue;
    if (known_.size() >= kMost || !known_.insert(frame.function).second) continue;
    const CallableName* const found = only_one_that_jumps_to(frame.function, names);
    if (found == nullptr) continue;
    CallableName copy = *found;  // an insertion may move the one that it is a copy of
    names.emplace(frame.function, std::move(copy));
  }
}

}  // namespace freshframe::gil
