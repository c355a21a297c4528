// HTTP requests for past images, and the responses to them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/look.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "media/colour/jpeg_encoder.hpp"
#include "serve/request/reply.hpp"
#include "sinks/look/look_sources.hpp"

namespace freshframe::serve {

/// A parsed request for past images: /api/look/NAME.jpg?at=-3, or /api/look/NAME.json?back=10&n=4.
struct LookWish {
  std::string name = {};
  std::vector<double> ages = {};  // seconds, the oldest first
  bool exact = true;
  int max_side = 1024;  // pixels
  bool json = false;
  std::string words = {};  // the request in words, for messages
};

/// Parses the name and the format (`json`). Returns nullopt if the path is not that of a look.
[[nodiscard]] std::optional<LookWish> look_wish(std::string_view path);
/// Parses the query. Returns an error message, or an empty string.
[[nodiscard]] std::string read_look(std::string_view query, LookWish& wish);
/// One image of a response.
struct LookPicture {
  freshframe::Snapshot snapshot;  // without its frame
  media::JpegPicture jpeg;
};

/// Encodes frames as JPEGs in the requested size. Each frame is released before the next one is encoded, so
/// that at most two are in memory. Not thread-safe.
class LookPictures {
 public:
  explicit LookPictures(int max_side) : max_side_(max_side) {}

  /// Throws Error if the image cannot be encoded.
  void add(freshframe::Snapshot snapshot);
  [[nodiscard]] const std::vector<LookPicture>& all() const noexcept { return all_; }

 private:
  int max_side_;
  media::JpegEncoder encoder_;
  std::vector<LookPicture> all_;
};

/// `pictures` must not be empty.
[[nodiscard]] Reply look_reply(const LookWish& wish, const std::vector<LookPicture>& pictures,
                               const media::LookSources& sources, const freshframe::Clock& clock);
/// 503: there is no such image.
[[nodiscard]] Reply no_snapshot(const LookWish& wish, const media::LookSource& source);

}  // namespace freshframe::serve
