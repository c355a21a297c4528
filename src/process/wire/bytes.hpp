// Serializes numbers and strings. Any bytes can be parsed: the result is a value or a ProtocolError.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/error.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace freshframe::process {

/// The other process sent an invalid message. All further messages from it are ignored.
class ProtocolError : public Error {
 public:
  using Error::Error;
};

/// Both processes run the same program on the same machine, so numbers are sent in native representation.
class ByteWriter {
 public:
  template <class T>
    requires std::is_trivially_copyable_v<T>
  void put(const T& value) {
    put_bytes(std::as_bytes(std::span(&value, 1)));
  }
  void put_bytes(std::span<const std::byte> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  /// Writes the number of bytes of the string, then the bytes.
  void put_text(std::string_view text) {
    put(static_cast<std::uint32_t>(text.size()));
    put_bytes(std::as_bytes(std::span(text)));
  }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }
  /// Reserves `size` bytes in total.
  void reserve(std::size_t size) { bytes_.reserve(size); }
  /// Returns the bytes and empties the writer.
  [[nodiscard]] std::vector<std::byte> take() noexcept { return std::exchange(bytes_, {}); }

 private:
  std::vector<std::byte> bytes_;
};

class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) noexcept : rest_(bytes) {}

  template <class T>
    requires std::is_arithmetic_v<T>
  [[nodiscard]] T get() {
    T value{};
    const auto from = take(sizeof value);
    std::memcpy(&value, from.data(), sizeof value);
    return value;
  }
  /// Reads a number from 0 to `most`.
  template <class T>
  [[nodiscard]] T get_up_to(T most, const char* what) {
    const T value = get<T>();
    if (std::cmp_less(value, 0) || value > most) {
      throw ProtocolError(std::string(what) + " must be 0 to " + std::to_string(most) + ", got " +
                          std::to_string(value));
    }
    return value;
  }
  template <class E>
    requires std::is_enum_v<E>
  [[nodiscard]] E get_enum(E last, const char* what) {
    using Number = std::underlying_type_t<E>;
    return static_cast<E>(get_up_to<Number>(static_cast<Number>(last), what));
  }
  [[nodiscard]] bool get_flag(const char* what) { return get_up_to<std::uint8_t>(1, what) == 1; }
  [[nodiscard]] std::string get_text() {
    const auto size = get<std::uint32_t>();
    const auto bytes = take(size);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  [[nodiscard]] std::span<const std::byte> take(std::size_t count) {
    if (count > rest_.size()) {
      throw ProtocolError("a message ends " + std::to_string(count - rest_.size()) + " bytes too early");
    }
    const auto taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }
  [[nodiscard]] std::size_t left_bytes() const noexcept { return rest_.size(); }
  void expect_end() const {
    if (!rest_.empty()) {
      throw ProtocolError("a message has " + std::to_string(rest_.size()) + " bytes too many");
    }
  }

 private:
  std::span<const std::byte> rest_;
};

}  // namespace freshframe::process
