// The types at the C border by name: how a sample of the engine becomes a C value, and a C value the engine's.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/abi.h"
#include "freshframe/native.hpp"
#include "freshframe/node.hpp"

#include <string_view>
#include <vector>

#include "plugin/host.hpp"

namespace freshframe::plugin {

/// A sample's value while a plugin looks at it. It lives as long as its node, so that a plugin which wrongly keeps the frame's
/// address finds an empty frame there.
struct Lent {
  freshframe_value value{};
  freshframe_frame frame{};                  // what value.frame points at
  std::vector<freshframe_column> columns{};  // what value.columns points at
  native::Table table{};

  void clear() noexcept {
    frame.frame = {};
    table = {};
    columns.clear();
  }
};

/// One type.
struct Type {
  std::string_view name;   // in abi.h
  const TypeInfo* engine;  // its TypeInfo on an edge
  void (*to_c)(const AnySample& sample, Lent& lent);
  /// Takes over what `value` has. Throws Error when it is not what it says.
  Emitted (*from_c)(const freshframe_value& value, const Host& host);
};

/// The type of that name; null: unknown.
[[nodiscard]] const Type* find_type(std::string_view name) noexcept;
/// The names, for messages.
[[nodiscard]] std::string type_names();

}  // namespace freshframe::plugin
