// Shared libraries that are loaded at runtime.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace freshframe::platform {

enum class SymbolKind : std::uint8_t { Unknown, Function, Data };

/// An exported symbol.
struct Symbol {
  void* address = nullptr;  // null if the library has no such symbol
  SymbolKind kind = SymbolKind::Unknown;
  std::uint64_t size_bytes = 0;  // 0 if unknown
};

/// The system cannot load a library. what() has the reason.
class LoadError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A loaded library. Never unloaded. Thread-safe.
class Library {
 public:
  /// Loads the library at `path` with its symbols kept local, or finds it if already loaded. Throws
  /// LoadError.
  [[nodiscard]] static Library load(const std::string& path);
  /// Returns the library at `path`, or nullopt if it is not loaded.
  [[nodiscard]] static std::optional<Library> find_loaded(const std::string& path);

  /// Returns false if the library's file has changed since is_current() was first called for the library in
  /// this process. The old code is still in use then.
  [[nodiscard]] bool is_current() const;
  /// Returns the symbol; its address is null if the library does not have it.
  [[nodiscard]] Symbol find(const std::string& name) const;
  /// Returns the exported names that start with `prefix`, without the prefix, sorted.
  [[nodiscard]] std::vector<std::string> exported_names(const std::string& prefix) const;

 private:
  explicit Library(void* handle) noexcept : handle_(handle) {}

  void* handle_;
};

/// Returns the address of a global symbol of the program or its libraries, or null.
[[nodiscard]] void* loaded_symbol(const char* name) noexcept;

/// Keeps the library that contains `address` loaded until exit. Does nothing for code outside libraries.
void keep_loaded(const void* address) noexcept;

}  // namespace freshframe::platform
