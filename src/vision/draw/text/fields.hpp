// The fields of labels: what is known of one object.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/counting.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "vision/draw/text/text_template.hpp"

namespace freshframe::vision {

/// Seconds by id.
using Dwells = std::map<std::int64_t, double>;

/// id, class, confidence, age, track_confidence, dwell (null: the sample has no zone), and each column of one value.
/// Also by the names of Detections' columns: tracker_id, class_name, class_id.
[[nodiscard]] std::optional<FieldValue> field_of(const Circles& found, std::size_t index,
                                                 const std::string& name, const Dwells* dwells);
[[nodiscard]] std::optional<FieldValue> field_of(const Detections& found, std::size_t index,
                                                 const std::string& name, const Dwells* dwells);
/// The fields' names, for a message.
[[nodiscard]] std::string fields_of(const Circles& found, const Dwells* dwells);
[[nodiscard]] std::string fields_of(const Detections& found, const Dwells* dwells);

/// The seconds of the visits that last. Of several zones the longest.
[[nodiscard]] Dwells dwells_of(const ZoneCounts& counts);
[[nodiscard]] Dwells dwells_of(const ZonesCounts& counts);

}  // namespace freshframe::vision
