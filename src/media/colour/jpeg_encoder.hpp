// Encodes JPEGs for viewers: scales down, directly from the YUV planes, into reused memory.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace freshframe::media {

struct JpegPicture {
  std::string bytes;
  int width = 0;
  int height = 0;
};

/// Encodes images one after the other with libjpeg-turbo. Not thread-safe.
class JpegEncoder {
 public:
  JpegEncoder();
  ~JpegEncoder();
  JpegEncoder(const JpegEncoder&) = delete;
  JpegEncoder& operator=(const JpegEncoder&) = delete;

  /// At most `max_width` pixels wide (1 or more), never enlarged; `quality` 1..100. The colours are JPEG's:
  /// full range, BT.601. Throws Error.
  [[nodiscard]] JpegPicture encode(const Frame& frame, int max_width, int quality);
  /// Like encode(), with both sides at most `max_side` pixels.
  [[nodiscard]] JpegPicture encode_within(const Frame& frame, int max_side, int quality);

 private:
  struct Handle;
  [[nodiscard]] JpegPicture encode_as(const Frame& frame, int width, int height, int quality);
  [[nodiscard]] Picture own_planes(const Picture& picture, const PictureFormat& wanted);

  std::unique_ptr<Handle> handle_;
  std::array<std::vector<std::uint8_t>, 3> planes_;
  std::vector<int> shift_;
  std::vector<std::uint8_t> out_;
};

}  // namespace freshframe::media
