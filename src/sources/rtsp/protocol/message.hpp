// Parses and writes RTSP messages, and describes failed sessions.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace freshframe::media::rtsp {

// Why a session with an RTSP server failed or ended.

enum class Trouble : std::uint8_t {
  Stopped,      // by the user
  Late,         // no connection within the time limit
  Silent,       // connected, but a request was not answered: another client may succeed
  Unreachable,  // network or host unreachable
  Refused,      // refused by the server: wrong credentials, no such stream, too many clients
  Dialogue,     // protocol error: another client may succeed
  Lost,         // the connection was closed, or the stream has ended
  NoPackets     // no packets over UDP
};

/// what() contains neither passwords nor the URL.
class Fault final : public std::runtime_error {
 public:
  Fault(Trouble trouble, const std::string& why, int code = 0)
      : std::runtime_error(why), trouble_(trouble), code_(code) {}

  [[nodiscard]] Trouble trouble() const noexcept { return trouble_; }
  [[nodiscard]] int code() const noexcept { return code_; }  // an errno, or 0

 private:
  Trouble trouble_;
  int code_;
};

/// The message of an errno: "connection refused".
[[nodiscard]] std::string errno_text(int code);

struct Message {
  struct Header {
    std::string name;  // in lower case
    std::string value;
  };

  int status = 0;      // status code of a response; 0 for a request
  std::string reason;  // reason phrase of a response, such as "Not Found"
  std::string method;  // of a request
  std::string target;  // of a request
  std::vector<Header> headers;
  std::string body;

  [[nodiscard]] bool is_request() const noexcept { return status == 0; }
  /// Returns the first header with this lower-case name, or an empty string.
  [[nodiscard]] std::string_view header(std::string_view name) const noexcept;
  [[nodiscard]] std::vector<std::string_view> find_headers(std::string_view name) const;
  /// CSeq: the number of the request that this responds to.
  [[nodiscard]] std::optional<int> sequence() const noexcept;
};

/// The session that a response may name (RFC 2326, 12.37): "12345678;timeout=60". The newest id applies,
/// unless the server rejects it: some name one in the response to a keep-alive, and then reject it.
struct SessionHeader {
  std::string id;       // empty if none was given
  Seconds timeout{60};  // RFC 2326, section 12.37

  /// Applies the header of another response, which may be empty. Values that it omits are kept.
  void update(std::string_view value);
  /// Restores the previous id after an error. Returns false if there is none.
  bool return_to_previous();

  std::string previous = {};  // the previous id, kept until the server accepts a request with the new one
  std::string refused = {};
};

/// Parses the lines before the body, which may end without a carriage return. Returns nullopt if it is not a
/// message.
[[nodiscard]] std::optional<Message> parse_head(std::string_view given);

}  // namespace freshframe::media::rtsp
