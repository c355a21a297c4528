// The files of a picture sequence: by number, in a folder, or by a glob.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace freshframe::media {

/// One picture and its place in the sequence, from 0.
struct ListedPicture {
  std::string path;
  std::int64_t place = 0;
};

/// In order of their places. A number without a file leaves its place empty.
struct PictureList {
  std::vector<ListedPicture> pictures;
  std::int64_t places = 0;  // the last place + 1

  [[nodiscard]] std::int64_t missing() const noexcept {
    return places - static_cast<std::int64_t>(pictures.size());
  }
};

/// The form of "frames/%05d.png", "frames/" or "frames/*.png" - and no file has that very name - or a folder.
[[nodiscard]] bool names_pictures(const std::string& path);

/// Throws OptionError with `url` for an invalid pattern.
void check_picture_names(const std::string& path, const std::string& url);

/// Lists the files once. Later files are not found. A folder and a glob give regular files with the suffix of
/// a picture, "img2" before "img10". For a pattern the numbers are the places, from the lowest on and in
/// steps of their greatest common divisor (0, 10, 20). Throws SourceError with `url`, also soon after a stop,
/// for any number of files.
[[nodiscard]] PictureList list_pictures(const std::string& path, const std::string& url,
                                        const std::stop_token& stop = {});

/// Numbers in the names count as numbers: "img2" < "img10". A total order.
[[nodiscard]] bool natural_less(std::string_view a, std::string_view b) noexcept;

}  // namespace freshframe::media
