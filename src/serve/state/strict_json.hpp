// Parses JSON from a page.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace freshframe::serve {

/// Returns a discarded value if the text is not JSON or an object has a duplicate key, whose second value
/// would replace the first.
[[nodiscard]] inline nlohmann::json strict_json(std::string_view text) {
  using Json = nlohmann::json;
  std::vector<std::set<std::string>> keys;  // keys of each open object
  bool repeats = false;
  const auto note = [&](int /*depth*/, Json::parse_event_t event, const Json& parsed) {
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key)
      repeats = !keys.back().insert(parsed.get<std::string>()).second || repeats;
    return true;
  };
  const auto json = Json::parse(text.begin(), text.end(), note, false);
  return repeats ? Json(Json::value_t::discarded) : json;
}

/// Returns true if an object has no members other than `names`.
[[nodiscard]] inline bool has_only(const nlohmann::json& object,
                                   std::initializer_list<std::string_view> names) {
  return std::ranges::all_of(object.items(), [&](const auto& item) {
    return std::ranges::find(names, std::string_view(item.key())) != names.end();
  });
}

}  // namespace freshframe::serve
