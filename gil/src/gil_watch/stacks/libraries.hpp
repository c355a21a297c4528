// Which library an address is in, and where functions begin in it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace freshframe::gil {

struct Library {
  std::uintptr_t base = 0;   // the load address; 0 for a program that is not relocated
  std::uintptr_t begin = 0;  // address of its first page
  std::uintptr_t end = 0;    // after its last page
  std::string path;          // absolute; of the kernel's own: its name

  friend bool operator==(const Library&, const Library&) = default;
};

/// The libraries of one moment. Immutable.
struct Libraries {
  unsigned long long unloads = 0;  // libraries unloaded by then: addresses may have new owners
  unsigned long long loads = 0;
  std::vector<Library> all;

  /// The library with code at this address; nullptr: none.
  [[nodiscard]] const Library* at(std::uintptr_t address) const;
};

/// The present libraries. Makes a new list only if a library was loaded or unloaded since `before`, which may
/// be nullptr. Otherwise it returns `before` itself.
std::shared_ptr<const Libraries> loaded_libraries(const std::shared_ptr<const Libraries>& before);

/// Address of the first instruction of the function around `address`; 0: unknown. The library at this address
/// may be unloaded meanwhile.
std::uintptr_t function_start(std::uintptr_t address);

}  // namespace freshframe::gil
