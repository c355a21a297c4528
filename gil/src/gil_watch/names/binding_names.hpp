// How binding libraries wrap a function: their dispatchers, and the names they generate.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <string_view>

namespace freshframe::gil {

/// Returns true if `text` begins with one of the prefixes.
inline bool starts_with_any(std::string_view text, std::span<const std::string_view> prefixes) {
  return std::ranges::any_of(prefixes, [&](std::string_view prefix) { return text.starts_with(prefix); });
}

/// Returns true if a function, by its demangled name, is between Python and the function that was bound: a
/// dispatcher of nanobind, pybind11, Boost.Python, PyO3, Cython, SWIG or f2py, or a decorator's wrapper.
bool is_glue(std::string_view symbol);

/// Returns true for the last dispatcher before the bound function. Boost.Python first calls the exception
/// translators of all modules, which are functions of those modules.
bool is_last_glue(std::string_view symbol);

/// Converts the symbol of a PyO3-generated function to its Python name:
/// `<aead::AesGcm>::__pymethod_encrypt__` to `AesGcm.encrypt`. Returns other names unchanged.
std::string plain_name(std::string_view symbol);

}  // namespace freshframe::gil
