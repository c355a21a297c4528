// Messages of RTSP, and what the other side did wrong in them.
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

// Why a session with an RTSP server could not begin, or has ended.

enum class Trouble : std::uint8_t {
  Stopped,      // by us
  Late,         // no connection in time
  Silent,       // connected, but no answer to a request: another client may ask in another way
  Unreachable,  // the network, or the machine at the other end
  Refused,      // the server's decision: wrong credentials, no such stream, too many clients
  Dialogue,     // we do not understand each other: another client may
  Lost,         // the connection was closed, or the stream has ended
  NoPackets     // over UDP
};

/// `what()` is without passwords, and without the URL.
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

/// The text of an errno: "connection refused".
[[nodiscard]] std::string errno_text(int code);

struct Message {
  struct Header {
    std::string name;  // in small letters
    std::string value;
  };

  int status = 0;      // status of an answer; 0 for a request
  std::string reason;  // reason of an answer: "Not Found"
  std::string method;  // verb of a request
  std::string target;  // target of a request
  std::vector<Header> headers;
  std::string body;

  [[nodiscard]] bool is_request() const noexcept { return status == 0; }
  /// The first header of this name, in small letters; empty without such a header.
  [[nodiscard]] std::string_view header(std::string_view name) const noexcept;
  [[nodiscard]] std::vector<std::string_view> find_headers(std::string_view name) const;
  /// CSeq: the number of the request that it answers.
  [[nodiscard]] std::optional<int> sequence() const noexcept;
};

/// A server's session, which any answer may name (RFC 2326, 12.37): "12345678;timeout=60". The newest id counts, unless
/// the server refuses it: some name one in the answer to a keep-alive, and then refuse it.
struct SessionHeader {
  std::string id;       // empty if none was named
  Seconds timeout{60};  // RFC 2326, section 12.37

  /// Takes the header of another answer, which may be empty. Keeps the values that it does not contain.
  void update(std::string_view value);
  /// Returns to the id before this one, after an error. Returns false if there is none.
  bool return_to_previous();

  std::string previous = {};  // until the server has accepted a request with the newer id
  std::string refused = {};
};

/// The lines of a message before its body. Lines may end without a carriage return. nullopt means it is no
/// message.
[[nodiscard]] std::optional<Message> parse_head(std::string_view given);

}  // namespace freshframe::media::rtsp
