// A message of RTSP 1.0 (RFC 2326): a server's answer, or a request of the server.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace freshframe::media::rtsp {

struct Message {
  struct Header {
    std::string name;  // in small letters
    std::string value;
  };

  int status = 0;      // of an answer; 0: it is a request
  std::string reason;  // of an answer: "Not Found"
  std::string method;  // of a request
  std::string target;  // of a request
  std::vector<Header> headers;
  std::string body;

  [[nodiscard]] bool is_request() const noexcept { return status == 0; }
  /// The first header of this name, in small letters; empty: there is none.
  [[nodiscard]] std::string_view header(std::string_view name) const noexcept;
  [[nodiscard]] std::vector<std::string_view> headers_of(std::string_view name) const;
  /// CSeq: the number of the request that it answers.
  [[nodiscard]] std::optional<int> sequence() const noexcept;
};

/// The lines of a message before its body. Lines may end without a carriage return. nullopt: it is no
/// message.
[[nodiscard]] std::optional<Message> parse_head(std::string_view given);

}  // namespace freshframe::media::rtsp
