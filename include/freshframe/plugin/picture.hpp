// An image's size, format and planes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/abi.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>

namespace freshframe::plugin {
inline namespace v1 {

/// One plane of an image.
struct Plane {
  const std::uint8_t* data = nullptr;
  int rows = 0;
  int row_bytes = 0;
  std::ptrdiff_t stride = 0;  // bytes from the start of one row to the start of the next

  [[nodiscard]] const std::uint8_t* row(int y) const noexcept { return data + y * stride; }
};

/// An image's format and a view of its pixels.
struct Picture {
  int width = 0;
  int height = 0;
  std::string format = "gray";  // or nv12, i420, i422, i444, bgr, rgb
  std::string range = "full";   // "full", or "limited": 16 to 235
  std::string space = "unspecified";
  std::array<Plane, 3> planes{};
  int plane_count = 0;

  /// Throws std::out_of_range if there is no plane with this index.
  [[nodiscard]] const Plane& plane(int index = 0) const {
    if (index < 0 || index >= plane_count) {
      throw std::out_of_range("plane index " + std::to_string(index) + " is out of range: plane_count is " +
                              std::to_string(plane_count));
    }
    return planes[static_cast<std::size_t>(index)];
  }
};

namespace [[gnu::visibility("hidden")]] detail {

inline Picture view_picture(const freshframe_picture& from) {
  Picture picture{from.width, from.height, from.format, from.range, from.space, {}, 0};
  for (std::uint64_t i = 0; i < from.planes.count && i < picture.planes.size(); ++i) {
    freshframe_plane plane;
    std::memcpy(&plane, static_cast<const char*>(from.planes.data) + i * from.planes.element_size,
                sizeof plane);
    picture.planes[static_cast<std::size_t>(i)] = {plane.data, plane.rows, plane.row_bytes,
                                                   static_cast<std::ptrdiff_t>(plane.stride)};
    ++picture.plane_count;
  }
  return picture;
}

inline constexpr const char* kFormats = "gray, nv12, i420, i422, i444, bgr and rgb";

// Sets rows and bytes per row of the planes. Returns false if the format is unknown.
inline bool lay_out(Picture& picture) {
  const int half_width = (picture.width + 1) / 2;
  const int half_height = (picture.height + 1) / 2;
  const auto set = [&](std::size_t plane, int rows, int row_bytes) {
    picture.planes[plane] = {nullptr, rows, row_bytes, row_bytes};
    picture.plane_count = static_cast<int>(plane) + 1;
  };
  const bool is_rgb = picture.format == "bgr" || picture.format == "rgb";
  picture.planes = {};
  set(0, picture.height, picture.width * (is_rgb ? 3 : 1));
  if (is_rgb || picture.format == "gray") return true;
  if (picture.format == "nv12") {
    set(1, half_height, 2 * half_width);
  } else if (picture.format == "i420" || picture.format == "i422" || picture.format == "i444") {
    const int rows = picture.format == "i420" ? half_height : picture.height;
    const int row_bytes = picture.format == "i444" ? picture.width : half_width;
    set(1, rows, row_bytes);
    set(2, rows, row_bytes);
  } else {
    return false;
  }
  return true;
}

inline std::string describe_picture(const Picture& picture) {
  return "a frame of " + std::to_string(picture.width) + "x" + std::to_string(picture.height) +
         " pixels in '" + picture.format + "'";
}

// Returns what is wrong with an image's size, format, range or space, or an empty string.
inline std::string find_fault(const Picture& picture) {
  auto wanted = picture;
  if (picture.width < 1 || picture.height < 1) return "width and height must be at least 1";
  if (picture.width > (1 << 16) || picture.height > (1 << 16) ||
      std::int64_t{picture.width} * picture.height > (1 << 28)) {
    return "it is too large: at most 2^16 pixels on a side and 2^28 in total";
  }
  if (!lay_out(wanted)) return std::string("the formats are ") + kFormats;
  if (picture.range != "full" && picture.range != "limited")
    return "its range must be full or limited, got '" + picture.range + "'";
  if (picture.space != "unspecified" && picture.space != "bt601" && picture.space != "bt709" &&
      picture.space != "bt2020")
    return "its space must be unspecified, bt601, bt709 or bt2020, got '" + picture.space + "'";
  return {};
}

// Like find_fault(), but also checks the planes.
inline std::string find_plane_fault(const Picture& picture) {
  if (auto fault = find_fault(picture); !fault.empty()) return fault;
  auto wanted = picture;
  lay_out(wanted);
  if (picture.plane_count != wanted.plane_count) {
    return "plane_count must be " + std::to_string(wanted.plane_count) + ", got " +
           std::to_string(picture.plane_count);
  }
  for (int i = 0; i < wanted.plane_count; ++i) {
    const auto& given = picture.plane(i);
    const auto& right = wanted.plane(i);
    const auto name = "plane " + std::to_string(i);
    if (given.data == nullptr) return name + " has no data";
    if (given.rows != right.rows || given.row_bytes != right.row_bytes) {
      return name + " must have " + std::to_string(right.rows) + " rows of " +
             std::to_string(right.row_bytes) + " bytes, got " + std::to_string(given.rows) + " rows of " +
             std::to_string(given.row_bytes);
    }
    if (given.stride < given.row_bytes) {
      return name + " must have a stride of at least " + std::to_string(right.row_bytes) + " bytes, got " +
             std::to_string(given.stride);
    }
  }
  return {};
}

}  // namespace detail

}  // namespace v1
}  // namespace freshframe::plugin
