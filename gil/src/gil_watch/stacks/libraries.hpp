// Maps addresses to libraries and to the start of functions.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace freshframe::gil {

struct Library {
  std::uintptr_t base = 0;   // load address; 0 for a non-PIE program
  std::uintptr_t begin = 0;  // address of its first page
  std::uintptr_t end = 0;    // end of its last page
  std::string path;          // absolute; for the kernel's vDSO, its name

  friend bool operator==(const Library&, const Library&) = default;
};

/// The libraries at one moment. Immutable.
struct Libraries {
  // number of unloads so far: if it changes, addresses may belong to other libraries
  unsigned long long unloads = 0;
  unsigned long long loads = 0;
  std::vector<Library> all;

  /// The library with code at this address, or nullptr.
  [[nodiscard]] const Library* at(std::uintptr_t address) const;
};

/// The current libraries. Returns `before`, which may be nullptr, if nothing was loaded or unloaded since.
std::shared_ptr<const Libraries> loaded_libraries(const std::shared_ptr<const Libraries>& before);

/// Address of the first instruction of the function around `address`, or 0 if unknown. Safe even if the
/// library is unloaded at the same time.
std::uintptr_t function_start(std::uintptr_t address);

}  // namespace freshframe::gil
