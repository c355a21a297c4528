// Users' shared libraries.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "platform/library.hpp"

namespace freshframe::plugin {

/// The prefix of node symbols: FRESHFRAME_NODE_SYMBOL in abi.h.
inline constexpr char kSymbolPrefix[] = "freshframe_node_1_";

/// Looks up `symbol` in the library at `path`. The library is loaded once and never unloaded, because its
/// results may be released at any time until the process ends. Throws OptionError if it cannot be loaded, or
/// if the file has changed since it was loaded.
[[nodiscard]] platform::Symbol find_symbol(const std::string& path, const std::string& symbol);

/// The suffixes of all symbols that begin with `prefix`, sorted.
[[nodiscard]] std::vector<std::string> exported_names(const std::string& path, const std::string& prefix);
}  // namespace freshframe::plugin
