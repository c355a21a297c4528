// Names and validation of joins.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/join.hpp"

#include "freshframe/error.hpp"

#include <cmath>
#include <string>

#include "core/unit_text.hpp"

namespace freshframe {

std::string_view to_string(JoinBy by) noexcept {
  switch (by) {
    case JoinBy::Captured:
      return "captured";
    case JoinBy::Pts:
      return "pts";
    case JoinBy::Seq:
      return "seq";
    case JoinBy::Utc:
      return "utc";
  }
  return "?";
}

JoinBy join_by_of(std::string_view name) {
  std::string known;
  for (const auto by : {JoinBy::Captured, JoinBy::Pts, JoinBy::Seq, JoinBy::Utc}) {
    if (to_string(by) == name) return by;
    known += (known.empty() ? "" : ", ") + std::string(to_string(by));
  }
  throw OptionError("by of a join must be one of " + known + ", got '" + std::string(name) + "'");
}

void validate(const Join& join) {
  if (join.within && (!(*join.within >= 0) || !std::isfinite(*join.within))) {
    throw OptionError("within of a join must be at least 0 seconds and finite, got " +
                      core::seconds_text(*join.within));
  }
  if (join.wait && (!(*join.wait > 0) || !std::isfinite(*join.wait))) {
    throw OptionError("wait of a join must be more than 0 seconds and finite, got " +
                      core::seconds_text(*join.wait));
  }
  if (join.by == JoinBy::Seq && join.within) {
    throw OptionError("a join by seq takes samples of equal number: leave within out, got " +
                      core::seconds_text(*join.within));
  }
}

}  // namespace freshframe
