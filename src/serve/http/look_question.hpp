// The questions of a client to a look over HTTP, and the pictures as an answer.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/look.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "media/colour/jpeg_encoder.hpp"
#include "serve/http/reply.hpp"
#include "sinks/look/look_sources.hpp"

namespace freshframe::serve {

/// The wishes of the client of a look: /api/look/NAME.jpg?at=-3, or /api/look/NAME.json?back=10&n=4.
struct LookWish {
  std::string name = {};
  std::vector<double> ages = {};  // seconds, the oldest first
  bool exact = true;
  int max_side = 1024;  // pixels
  bool json = false;
  std::string words = {};  // the question in words, for messages
};

/// The name in the path, and `json`; nullopt means it is no path of a look.
[[nodiscard]] std::optional<LookWish> look_wish(std::string_view path);
/// Reads the rest of the wish. Returns what is wrong with it; empty means nothing.
[[nodiscard]] std::string read_look(std::string_view query, LookWish& wish);
/// A picture of an answer.
struct LookPicture {
  freshframe::Snapshot snapshot;  // without its frame
  media::JpegPicture jpeg;
};

/// Makes JPEGs as the client wants them. Each frame is gone when the next one is encoded, so that an answer holds no
/// more than two. One thread.
class LookPictures {
 public:
  explicit LookPictures(int max_side) : max_side_(max_side) {}

  /// Throws Error for a picture that cannot be encoded.
  void add(freshframe::Snapshot snapshot);
  [[nodiscard]] const std::vector<LookPicture>& all() const noexcept { return all_; }

 private:
  int max_side_;
  media::JpegEncoder encoder_;
  std::vector<LookPicture> all_;
};

/// `pictures` holds at least one.
[[nodiscard]] Reply look_reply(const LookWish& wish, const std::vector<LookPicture>& pictures,
                               const media::LookSources& sources, const freshframe::Clock& clock);
/// 503: there is no such picture.
[[nodiscard]] Reply no_snapshot(const LookWish& wish, const media::LookSource& source);

}  // namespace freshframe::serve
