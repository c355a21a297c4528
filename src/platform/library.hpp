// Shared libraries that are loaded while the program runs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace freshframe::platform {

enum class SymbolKind : std::uint8_t { Unknown, Function, Data };

/// A name that a library exports.
struct Symbol {
  void* address = nullptr;  // null if the library has no such symbol
  SymbolKind kind = SymbolKind::Unknown;
  std::uint64_t size_bytes = 0;  // 0: unknown
};

/// The system cannot load a file as a library. what() contains its reason.
class LoadError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A library that this process has loaded. It is never unloaded. Thread-safe.
class Library {
 public:
  /// Loads the file at `path` with its names for itself alone, or finds it if it is loaded. Throws LoadError.
  [[nodiscard]] static Library load(const std::string& path);
  /// Returns the library at `path`, or nullopt if this process has not loaded it.
  [[nodiscard]] static std::optional<Library> find_loaded(const std::string& path);

  /// Returns false if its file was changed after the first call for it in this process, which keeps the old code.
  [[nodiscard]] bool is_current() const;
  /// Returns the symbol of that name, whose address is null if the library lacks it.
  [[nodiscard]] Symbol find(const std::string& name) const;
  /// Returns the rest of each exported name that begins with `prefix`, sorted.
  [[nodiscard]] std::vector<std::string> exported_names(const std::string& prefix) const;

 private:
  explicit Library(void* handle) noexcept : handle_(handle) {}

  void* handle_;
};

/// Returns the address of a name that the program, or a library with names for all, exports. Returns null if none does.
[[nodiscard]] void* loaded_symbol(const char* name) noexcept;

/// Keeps the library of `address` loaded until the process ends. Does nothing for code outside libraries.
void keep_loaded(const void* address) noexcept;

}  // namespace freshframe::platform
