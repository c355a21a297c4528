// The parameters of a request's address.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace freshframe::serve {

/// Decodes %41, and + where it is a space. Returns nullopt for a broken escape or a zero byte.
[[nodiscard]] std::optional<std::string> strictly_decoded(std::string_view text, bool plus_is_space);

/// A parameter is absent, cannot be read, or has a value. A default replaces an absent one alone.
enum class Parameter : std::uint8_t { Absent, Unreadable, Read };

struct QueryValue {
  Parameter is = Parameter::Absent;
  std::string text = {};  // decoded, if it was read
};

/// The first value of `name` in "a=1&b=2".
[[nodiscard]] QueryValue query_value(std::string_view query, std::string_view name);
/// Whether the parameter is there. It may be unreadable.
[[nodiscard]] bool has_parameter(std::string_view query, std::string_view name);
/// Reads a number within limits. Changes `into` if it was read. A text that is no such number is unreadable.
[[nodiscard]] Parameter read_number(std::string_view query, std::string_view name, double least, double most,
                                    double& into);
/// Why an address with this query cannot be answered where `known` parameters can be given: a broken escape, an unknown
/// name, a name that is there twice. Returns an empty text if it can be answered.
[[nodiscard]] std::string find_query_fault(std::string_view query,
                                           std::initializer_list<std::string_view> known);

}  // namespace freshframe::serve
