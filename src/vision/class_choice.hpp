// Helpers for options that select a class by name.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/error.hpp"
#include "freshframe/results.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <variant>
#include <vector>

namespace freshframe::vision {

/// The class names as a column of strings, which boxes have instead of `names` if one class_id has several
/// names; otherwise null.
inline const std::vector<std::string>* class_texts(const Detections& found) noexcept {
  const auto* const column = found.names ? nullptr : find_column(found.data, "class_name");
  if (column == nullptr || !column->shape.empty()) return nullptr;
  const auto* const texts = std::get_if<std::vector<std::string>>(&column->values);
  return texts != nullptr && texts->size() == found.boxes.size() ? texts : nullptr;
}

/// The class name of a box, or its number as a string.
inline std::string find_class_name(const Detections& found, std::size_t index) {
  const auto* const texts = class_texts(found);
  return texts != nullptr ? (*texts)[index] : class_name(found.names, found.boxes[index].class_id);
}

/// Returns true if `names` contains the selected class. A class without a name is selected by its number.
inline bool is_class_name(const std::string& chosen, const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty() ? chosen == std::to_string(i) : chosen == names[i]) return true;
  }
  return false;
}

/// Lists the first ten class names, or numbers, for messages.
inline std::string first_classes(const std::vector<std::string>& names) {
  constexpr std::size_t kMostShown = 10;
  std::string known;
  for (std::size_t i = 0; i < names.size() && i < kMostShown; ++i)
    known += (known.empty() ? "" : ", ") + (names[i].empty() ? std::to_string(i) : names[i]);
  if (names.size() > kMostShown) known += ", ...";
  return known;
}

/// Throws Error if no box can have the selected class, because a misspelled name would never match anything.
/// A class without a name is selected by its number. `who`: the beginning of the message. Does not throw
/// without boxes, or if the last name is empty, which means that there may be more classes.
inline void check_class(const std::string& who, const std::string& chosen, const Detections& found) {
  if (found.boxes.empty() || class_texts(found) != nullptr) return;
  if (!found.names) {
    const bool is_number =
        !chosen.empty() && std::ranges::all_of(chosen, [](char c) { return c >= '0' && c <= '9'; });
    if (is_number) return;
    throw Error(who + " '" + chosen + "', but these boxes have no class names: pass names= to Detections");
  }
  const auto& names = *found.names;
  if ((!names.empty() && names.back().empty()) || is_class_name(chosen, names)) return;
  if (std::ranges::any_of(
          found.boxes, [&](const Detection& box) { return class_name(found.names, box.class_id) == chosen; }))
    return;
  throw Error(who + " '" + chosen + "', but the detector has no such class (" + first_classes(names) + ")");
}

}  // namespace freshframe::vision
