// Determines the kind of source from a URL.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "core/url/live_url.hpp"

namespace freshframe::media {

enum class UrlKind : std::uint8_t { File, Pictures, Demo, Live, Camera, Browser };

/// A URL and its kind of source, determined once in open() and then kept by the source.
struct SourceUrl {
  /// Throws OptionError for an empty string, and for URLs that this version cannot open.
  explicit SourceUrl(const std::string& url);

  std::string given;
  core::LiveUrl live;  // the parts of the URL, if it is a network stream
  UrlKind kind;
  std::string masked;  // without passwords, for messages

  /// Returns true for HTTP URLs, which may also name a file.
  [[nodiscard]] bool is_over_http() const;
  /// Returns the path of a local file: the URL, or the part after "file:".
  [[nodiscard]] std::string path() const;
};

/// Throws OptionError for a network URL where the name of an output file is expected.
void check_is_no_url(const std::string& path);

}  // namespace freshframe::media
