// Shared libraries of users.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace freshframe::plugin {

/// What the symbols of nodes begin with: FRESHFRAME_NODE_SYMBOL of abi.h.
inline const std::string kSymbolPrefix = "freshframe_node_1_";

enum class SymbolKind : std::uint8_t { Unknown, Function, Data };

/// A name that a library exports.
struct Symbol {
  void* address = nullptr;  // null: the library has no such symbol
  SymbolKind kind = SymbolKind::Unknown;
  std::uint64_t size_bytes = 0;  // 0: unknown
};

/// Looks `symbol` up in the library at `path`, which is loaded once and never unloaded: what it has given out
/// may be released until the process ends. Throws OptionError when the library cannot be loaded, or when its file has
/// changed since this process has loaded it.
[[nodiscard]] Symbol find_symbol(const std::string& path, const std::string& symbol);

/// The ends of the symbols that begin with `prefix`, sorted: what find_symbol() would find in the same library.
[[nodiscard]] std::vector<std::string> exported_names(const std::string& path, const std::string& prefix);

/// Keeps the library that `address` lies in loaded until the process ends. Code that lies in no library stays as it is.
void keep_loaded(const void* address) noexcept;

}  // namespace freshframe::plugin
