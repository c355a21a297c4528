// The kind of source that a URL names.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace freshframe::media {

enum class UrlKind { File, Pictures, Demo, Live, Camera };

/// Throws OptionError for an empty name and for a URL that this version cannot open.
[[nodiscard]] UrlKind url_kind(const std::string& url);
/// Throws OptionError for the URL of a network stream where the name of a file to write is expected.
void check_is_no_url(const std::string& path);
/// The path of a local file: the URL itself, the part after "file:", or the path in a "file://" URI with its escapes
/// (%20) decoded.
[[nodiscard]] std::string local_path(const std::string& url);

}  // namespace freshframe::media
