// Shared libraries of users.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "platform/library.hpp"

namespace freshframe::plugin {

/// The prefix of the symbols of nodes: FRESHFRAME_NODE_SYMBOL of abi.h.
inline constexpr char kSymbolPrefix[] = "freshframe_node_1_";

/// Looks `symbol` up in the library at `path`, which is loaded once and never unloaded: its results may be
/// released at any time until the process ends. Throws OptionError when the library cannot be loaded, or when the
/// file was changed since this process has loaded it.
[[nodiscard]] platform::Symbol find_symbol(const std::string& path, const std::string& symbol);

/// The rest of each symbol that begins with `prefix`, sorted: the names that find_symbol() would find in the
/// same library.
[[nodiscard]] std::vector<std::string> exported_names(const std::string& path, const std::string& prefix);
}  // namespace freshframe::plugin
