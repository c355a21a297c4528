// Shared libraries of users.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace freshframe::plugin {

/// The prefix of the symbols of nodes: FRESHFRAME_NODE_SYMBOL of abi.h.
inline constexpr char kSymbolPrefix[] = "freshframe_node_1_";

enum class SymbolKind : std::uint8_t { Unknown, Function, Data };

/// A name that a library exports.
struct Symbol {
  void* address = nullptr;  // null means the library has no such symbol
  SymbolKind kind = SymbolKind::Unknown;
  std::uint64_t size_bytes = 0;  // 0: unknown
};

/// Looks `symbol` up in the library at `path`, which is loaded once and never unloaded: its results may be
/// released at any time until the process ends. Throws OptionError when the library cannot be loaded, or when the
/// file was changed since this process has loaded it.
[[nodiscard]] Symbol find_symbol(const std::string& path, const std::string& symbol);

/// The rest of each symbol that begins with `prefix`, sorted: the names that find_symbol() would find in the
/// same library.
[[nodiscard]] std::vector<std::string> exported_names(const std::string& path, const std::string& prefix);

/// Keeps the library of `address` loaded until the process ends. Does nothing for code outside libraries.
void keep_loaded(const void* address) noexcept;

}  // namespace freshframe::plugin
