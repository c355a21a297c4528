// The changes that binding libraries make to a function: the dispatchers that they put before it, and the name that
// they give to it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <string_view>

namespace freshframe::gil {

/// Whether a text begins with one of these.
inline bool starts_with_any(std::string_view text, std::span<const std::string_view> prefixes) {
  return std::ranges::any_of(prefixes, [&](std::string_view prefix) { return text.starts_with(prefix); });
}

/// Whether a function, by its demangled name, is between Python and the function that was bound: a
/// dispatcher of nanobind, pybind11, Boost.Python, PyO3, Cython, SWIG or f2py, or a decorator's wrapper.
bool is_glue(std::string_view symbol);

/// Whether a dispatcher, by its demangled name, is the last before the bound function. Boost.Python asks the
/// exception translators of all modules before it, which are functions of those modules.
bool is_last_glue(std::string_view symbol);

/// The name in Python of a function that PyO3 has generated: `AesGcm.encrypt` for
/// `<aead::AesGcm>::__pymethod_encrypt__`. Every other name stays as it is.
std::string plain_name(std::string_view symbol);

}  // namespace freshframe::gil
