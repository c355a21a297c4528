// Looks up symbols in libraries, with helpful errors.
// SPDX-License-Identifier: Apache-2.0
#include "plugin/library.hpp"

#include "freshframe/error.hpp"

#include <filesystem>
#include <system_error>

namespace freshframe::plugin {
namespace {

// Loads a library. LoadError has the reason if the file is missing, for another architecture, or has missing
// dependencies.
platform::Library load(const std::string& path) {
  try {
    return platform::Library::load(path);
  } catch (const platform::LoadError& error) {
    std::error_code unknown;
    const bool is_there = std::filesystem::exists(path, unknown);
    throw OptionError(
        "cannot load '" + path + "': " + error.what() +
        (is_there ? "; check that '" + path +
                        "' is a shared library for this machine, and that the libraries it needs are "
                        "installed"
                  : ""));
  }
}

}  // namespace

std::vector<std::string> exported_names(const std::string& path, const std::string& prefix) {
  const auto library = platform::Library::find_loaded(path);
  return library ? library->exported_names(prefix) : std::vector<std::string>();
}

platform::Symbol find_symbol(const std::string& path, const std::string& symbol) {
  const auto library = load(path);
  if (!library.is_current()) {
    throw OptionError(
        "'" + path +
        "' has changed since this process loaded it, and a loaded library stays loaded: restart the process, or build the library under another name");
  }
  return library.find(symbol);
}

}  // namespace freshframe::plugin
