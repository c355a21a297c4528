// The types of the C interface by name, and conversions between the engine's samples and C values.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/abi.h"
#include "freshframe/native.hpp"
#include "freshframe/node.hpp"

#include <string_view>
#include <vector>

#include "plugin/host.hpp"

namespace freshframe::plugin {

/// A sample's value during a plugin's call. It lives as long as its node, so that a plugin that wrongly keeps
/// the frame's address finds an empty frame there.
struct Lent {
  freshframe_value value{};
  freshframe_frame frame{};                  // the target of value.frame
  std::vector<freshframe_column> columns{};  // the target of value.columns
  native::Table table{};
  std::vector<std::vector<freshframe_text>> texts{};  // the targets of columns of text

  void clear() noexcept {
    frame.frame = {};
    table = {};
    texts.clear();
    columns.clear();
  }
};

/// One type.
struct Type {
  std::string_view name;   // in abi.h
  const TypeInfo* engine;  // the engine's type of such values on an edge
  void (*to_c)(const AnySample& sample, Lent& lent);
  /// Takes ownership of the contents of `value`. Throws Error if they do not match its type.
  Emitted (*from_c)(const freshframe_value& value, const Host& host);
};

/// Returns the type of that name, or null if there is none.
[[nodiscard]] const Type* find_type(std::string_view name) noexcept;
/// Returns the type that a node gets instead of "detections" if it supports additional columns.
[[nodiscard]] const Type* with_further_columns(const Type* type) noexcept;
/// The names of all types, for messages.
[[nodiscard]] std::string type_names();

}  // namespace freshframe::plugin
