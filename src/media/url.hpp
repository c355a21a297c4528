// What a source's URL names, and URLs without their passwords.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace freshframe {

enum class UrlKind { File, Pictures, Demo, Live, Camera };

/// Throws OptionError for an empty name and for what this version cannot open.
[[nodiscard]] UrlKind url_kind(const std::string& url);
/// The path of a local file: the URL itself, or what follows "file:" or "file://".
[[nodiscard]] std::string local_path(const std::string& url);
/// "rtsp://user:secret@host/?pwd=a" -> "rtsp://user:***@host/?pwd=***", for every URL in the text.
[[nodiscard]] std::string mask_passwords(std::string_view text);

}  // namespace freshframe
