// dlopen and dlsym.
// SPDX-License-Identifier: Apache-2.0
#include "plugin/library.hpp"

#include "freshframe/error.hpp"

#include <dlfcn.h>

namespace freshframe::plugin {

void* find_symbol(const std::string& path, const std::string& symbol) {
  // Never RTLD_DEEPBIND: a library that overrides malloc, such as a sanitizer's, would be split in two.
  void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* const why = ::dlerror();  // NOLINT(concurrency-mt-unsafe): glibc has one per thread
    throw OptionError("cannot load '" + path + "': " + (why != nullptr ? why : "unknown reason") +
                      "; it must be a shared library for this machine");
  }
  return ::dlsym(library, symbol.c_str());
}

}  // namespace freshframe::plugin
