// The options passed to a node's constructor.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/abi.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace freshframe::plugin {
inline namespace v1 {

/// The options passed to freshframe.native.node(). Valid only during the constructor.
class Options {
 public:
  explicit Options(const freshframe_options* table) noexcept : table_(table) {}

  /// Returns an option, or `fallback` if it was not given. An int is accepted for a double. Throws
  /// std::invalid_argument for any other type mismatch. Options that were given but never read are rejected.
  /// T may be bool, an integer, a floating-point type, std::string, std::vector<double> or
  /// std::vector<std::byte>.
  template <class T>
  [[nodiscard]] T get(const char* name, T fallback) const {
    freshframe_option option{};
    option.size = sizeof option;
    if (table_ == nullptr || table_->get(table_->self, name, &option) == 0) return fallback;
    if constexpr (std::is_same_v<T, bool>) {
      require(option.kind == FRESHFRAME_OPTION_BOOL, option, name, "True or False");
      return option.integer != 0;
    } else if constexpr (std::is_integral_v<T>) {
      require(option.kind == FRESHFRAME_OPTION_INT64, option, name, "a whole number");
      const auto value = static_cast<T>(option.integer);
      const bool fits =
          static_cast<std::int64_t>(value) == option.integer && (value < T{}) == (option.integer < 0);
      require(fits, option, name, integer_range<T>().c_str());
      return value;
    } else if constexpr (std::is_floating_point_v<T>) {
      require(option.kind == FRESHFRAME_OPTION_INT64 || option.kind == FRESHFRAME_OPTION_FLOAT64, option,
              name, "a number");
      return static_cast<T>(option.number);
    } else if constexpr (std::is_same_v<T, std::string>) {
      require(option.kind == FRESHFRAME_OPTION_TEXT, option, name, "a string");
      return std::string(static_cast<const char*>(option.data), static_cast<std::size_t>(option.count));
    } else if constexpr (std::is_same_v<T, std::vector<double>>) {
      require(option.kind == FRESHFRAME_OPTION_NUMBERS, option, name, "a list of numbers");
      return elements<double>(option);
    } else {
      static_assert(std::is_same_v<T, std::vector<std::byte>>, "no option has this type");
      require(option.kind == FRESHFRAME_OPTION_BYTES, option, name, "bytes");
      return elements<std::byte>(option);
    }
  }
  [[nodiscard]] std::string get(const char* name, const char* fallback) const {
    return get(name, std::string(fallback));
  }

 private:
  static void require(bool fits, const freshframe_option& given, const char* name, const char* wanted) {
    if (fits) return;
    throw std::invalid_argument("option '" + std::string(name) + "' must be " + wanted + ", got " +
                                describe_option(given));
  }
  template <class T>
  static std::string integer_range() {
    using Limits = std::numeric_limits<T>;
    if constexpr (std::is_unsigned_v<T> && sizeof(T) >= sizeof(std::int64_t)) return "at least 0";
    return "from " + std::to_string(Limits::min()) + " to " + std::to_string(Limits::max());
  }
  static std::string describe_option(const freshframe_option& given) {
    switch (given.kind) {
      case FRESHFRAME_OPTION_BOOL:
        return given.integer != 0 ? "True" : "False";
      case FRESHFRAME_OPTION_INT64:
        return std::to_string(given.integer);
      case FRESHFRAME_OPTION_FLOAT64:
        return "the float " + std::to_string(given.number);
      case FRESHFRAME_OPTION_TEXT:
        return "a string";
      case FRESHFRAME_OPTION_BYTES:
        return "bytes";
      default:
        return "a list of numbers";
    }
  }
  template <class T>
  static std::vector<T> elements(const freshframe_option& option) {
    const auto* first = static_cast<const T*>(option.data);
    return std::vector<T>(first, first + option.count);
  }

  const freshframe_options* table_;
};

}  // namespace v1
}  // namespace freshframe::plugin
