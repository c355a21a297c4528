// Readable names for Rust's symbols, of both ways in which rustc has spelled them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace freshframe::gil {

/// The path in a symbol of Rust's v0 mangling (`_R...`), as rustc-demangle prints it with `{:#}`: without
/// the hashes of crates and without the types of constants. Empty when `symbol` is not one, is damaged, or has a
/// name of more than 4,000 bytes.
/// Grammar: RFC 2603, with the additions of The rustc book, "v0 Symbol Format".
std::string demangle_rust(std::string_view symbol);

/// The path of the older mangling without its hash, from the output of the C++ demangler:
/// `_$LT$app..Cache$u20$as$u20$Drop$GT$::drop::h0123456789abcdef` is `<app::Cache as Drop>::drop`. Every other
/// name stays as it is.
std::string without_rust_hash(std::string_view name);

}  // namespace freshframe::gil
