// URLs without their passwords.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace freshframe::core {

/// "rtsp://user:secret@host/?pwd=a" -> "rtsp://user:***@host/?pwd=***", for every URL in a text. Of RTMP also the last part
/// of the path, the stream's key: "rtmp://host/app/key" -> "rtmp://host/app/***". Messages from elsewhere
/// need it, because nothing else is known of them. It comes before the text is cut, and before any part is quoted.
[[nodiscard]] std::string mask_passwords(std::string_view text);

/// The same for a text that is one URL, whose password may even contain spaces and control characters.
[[nodiscard]] std::string shown_url(std::string_view url);

/// The last part of the path of an RTMP URL: whoever has it can publish in the place of its owner. Empty for others.
[[nodiscard]] std::string_view find_stream_key(std::string_view url);

/// The parts of a URL that a server's words may repeat: what shown_url() masks, and a user without a password. Each as it is
/// and without its escapes, and with 4 bytes at least.
[[nodiscard]] std::vector<std::string> find_secrets(std::string_view url);

}  // namespace freshframe::core
