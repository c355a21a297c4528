// Demangles Rust symbols of both manglings.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace freshframe::gil {

/// The path in a symbol of Rust's v0 mangling (`_R...`), as rustc-demangle prints it with `{:#}`: without the
/// hashes of crates and without the types of constants. Empty if `symbol` is not such a symbol, is invalid,
/// or has a name of more than 4,000 bytes. Grammar: RFC 2603, with the additions of The rustc book, "v0
/// Symbol Format".
std::string demangle_rust(std::string_view symbol);

/// Converts the legacy mangling, as output by the C++ demangler, to a path without its hash:
/// `_$LT$app..Cache$u20$as$u20$Drop$GT$::drop::h0123456789abcdef` becomes `<app::Cache as Drop>::drop`.
/// Returns other names unchanged.
std::string without_rust_hash(std::string_view name);

}  // namespace freshframe::gil
