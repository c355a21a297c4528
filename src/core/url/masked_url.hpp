// Masks passwords in URLs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace freshframe::core {

/// "rtsp://user:secret@host/?pwd=a" -> "rtsp://user:***@host/?pwd=***", for every URL in a text. In RTMP URLs
/// also masks the stream key, which is the last path segment: "rtmp://host/app/key" -> "rtmp://host/app/***".
/// Use it on all messages from libraries and servers, before they are truncated or quoted in part.
[[nodiscard]] std::string mask_passwords(std::string_view text);

/// Like mask_passwords(), for a text that is a single URL. Its password may even contain spaces and control
/// characters.
[[nodiscard]] std::string shown_url(std::string_view url);

/// Returns the stream key of an RTMP URL, with which anyone could publish in its owner's name. Empty for
/// other URLs.
[[nodiscard]] std::string_view find_stream_key(std::string_view url);

/// Returns the parts of a URL that must not appear in a server's messages: what shown_url() masks, and a user
/// without a password. Each one both as it is and unescaped, and only those of at least 4 bytes.
[[nodiscard]] std::vector<std::string> find_secrets(std::string_view url);

}  // namespace freshframe::core
