// The dashboard's files, embedded at build time by cmake/web_files.cmake.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace freshframe::serve {

struct WebFile {
  std::string_view path;  // "/" for index.html, else "/" and its path in web/
  std::string_view type;
  std::string_view etag;  // including the quotes
  std::string_view body;
};

[[nodiscard]] std::span<const WebFile> web_files() noexcept;

}  // namespace freshframe::serve
