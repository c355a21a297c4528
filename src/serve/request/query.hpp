// Query parameters of a request.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace freshframe::serve {

/// Decodes percent escapes, and "+" if it stands for a space. Returns nullopt for an invalid escape or a zero
/// byte.
[[nodiscard]] std::optional<std::string> strictly_decoded(std::string_view text, bool plus_is_space);

/// Callers use a default only for an absent parameter, never for an unreadable one.
enum class Parameter : std::uint8_t { Absent, Unreadable, Read };

struct QueryValue {
  Parameter is = Parameter::Absent;
  std::string text = {};  // decoded, if it was read
};

/// The first value of `name` in "a=1&b=2".
[[nodiscard]] QueryValue query_value(std::string_view query, std::string_view name);
/// Returns true if the parameter is present, even if it is unreadable.
[[nodiscard]] bool has_parameter(std::string_view query, std::string_view name);
/// Reads a number within limits into `into`, which stays unchanged if the parameter is absent. Anything else
/// is Unreadable.
[[nodiscard]] Parameter read_number(std::string_view query, std::string_view name, double least, double most,
                                    double& into);
/// Checks a query against the `known` parameters. Returns an error message for an invalid escape, an unknown
/// name or a duplicate, otherwise an empty string.
[[nodiscard]] std::string find_query_fault(std::string_view query,
                                           std::initializer_list<std::string_view> known);

}  // namespace freshframe::serve
