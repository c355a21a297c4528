// Writes JSON that is safe to embed anywhere. Names may contain any characters.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace freshframe::serve {

/// Appends `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD. Control
/// characters, `<`, `>`, `&` and the line separators of JavaScript are escaped, so that it is also safe in
/// HTML and scripts.
void append_json(std::string& out, std::string_view text);

/// Builds a JSON string from left to right, including commas. The caller must match begin and end.
class JsonWriter {
 public:
  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }

  JsonWriter& key(std::string_view name) {
    comma();
    append_json(out_, name);
    out_ += ':';
    after_key_ = true;
    return *this;
  }
  JsonWriter& value(std::string_view text) {
    comma();
    append_json(out_, text);
    return *this;
  }
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(bool truth) { return raw(truth ? "true" : "false"); }
  /// Writes null for a number that is not finite, which JSON cannot represent.
  JsonWriter& value(double number);
  template <std::integral T>
  JsonWriter& value(T number) {
    return raw(std::to_string(number));
  }
  JsonWriter& null() { return raw("null"); }
  /// Inserts a value that is already JSON.
  JsonWriter& json(std::string_view text) { return raw(text); }
  template <class T>
  JsonWriter& value(const std::optional<T>& item) {
    return item ? value(*item) : null();
  }
  template <class T>
  JsonWriter& member(std::string_view name, const T& item) {
    return key(name).value(item);
  }

  [[nodiscard]] std::string take() && { return std::move(out_); }

 private:
  JsonWriter& open(char bracket) {
    comma();
    out_ += bracket;
    has_items_.push_back(false);
    return *this;
  }
  JsonWriter& close(char bracket) {
    out_ += bracket;
    has_items_.pop_back();
    return *this;
  }
  JsonWriter& raw(std::string_view text) {
    comma();
    out_ += text;
    return *this;
  }
  void comma() {
    if (std::exchange(after_key_, false) || has_items_.empty()) return;
    if (has_items_.back()) out_ += ',';
    has_items_.back() = true;
  }

  std::string out_;
  std::vector<bool> has_items_;
  bool after_key_ = false;
};

}  // namespace freshframe::serve
