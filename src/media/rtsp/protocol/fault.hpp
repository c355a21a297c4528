// Why a session with an RTSP server could not begin, or has ended.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace freshframe::media::rtsp {

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

}  // namespace freshframe::media::rtsp
