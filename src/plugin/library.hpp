// Shared libraries of users.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace freshframe::plugin {

/// The address of `symbol` in the library at `path`, which is loaded once and never unloaded: what it has given out
/// may be released until the process ends. Null: the library has no such symbol. Throws OptionError when it
/// cannot be loaded.
[[nodiscard]] void* find_symbol(const std::string& path, const std::string& symbol);

}  // namespace freshframe::plugin
