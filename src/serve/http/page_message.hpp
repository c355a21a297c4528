// The only messages that the page may send over its WebSocket.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace freshframe::serve {

struct PageMessage {
  enum class Kind : std::uint8_t { AckState, AckPicture, View };
  Kind kind = Kind::AckState;
  std::vector<std::string> view;  // ports wanted; none: no pictures
  int width = 0;                  // pixels that the page can show; 0: not given
};

inline constexpr std::size_t kMaxPageMessage = 8192;  // bytes
inline constexpr std::size_t kMaxViewed = 64;         // ports in one message

/// Reads `{"ack":"state"}`, `{"ack":"picture"}` or `{"view":["a","b"],"width":960}`; nullopt: any other
/// message.
[[nodiscard]] std::optional<PageMessage> parse_page_message(std::string_view text);

}  // namespace freshframe::serve
