// The kind of source that a URL names.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "core/url/live_url.hpp"

namespace freshframe::media {

enum class UrlKind : std::uint8_t { File, Pictures, Demo, Live, Camera };

/// A URL, and the kind of source that it names. open() finds it out once, and the source keeps it.
struct SourceUrl {
  /// Throws OptionError for an empty name and for a URL that this version cannot open.
  explicit SourceUrl(const std::string& url);

  std::string given;
  core::LiveUrl live;  // its parts, where a network stream is named
  UrlKind kind;
  std::string masked;  // without passwords, for messages

  /// Whether it may name a file, too.
  [[nodiscard]] bool is_over_http() const;
  /// Returns the path of local files: the URL, or what follows its "file:".
  [[nodiscard]] std::string path() const;
};

/// Throws OptionError for the URL of a network stream where the name of a file to write is expected.
void check_is_no_url(const std::string& path);

}  // namespace freshframe::media
