// Answers a server's challenges: Basic (RFC 7617) and Digest (RFC 7616, 2617, 2069).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "media/rtsp/protocol/challenge.hpp"

namespace freshframe::media::rtsp {

struct Credentials {
  std::string user;
  std::string password;
};

/// The authorization of one connection. Credentials that are refused are sent at most twice, since cameras
/// lock an account after a few wrong passwords. One thread.
class Authorization {
 public:
  /// `client_nonce`: of Digest; a random text by default.
  explicit Authorization(std::optional<Credentials> credentials, std::string client_nonce = random_text());

  /// The challenges of an answer 401. False: another request would be refused, too: there are no credentials,
  /// none of the challenges can be answered, or the credentials are wrong.
  [[nodiscard]] bool accept(const std::vector<Challenge>& challenges);
  /// The password is sent as Basic: whoever sees the request can read it.
  [[nodiscard]] bool is_basic() const noexcept { return challenge_ && !challenge_->digest; }
  /// The server has answered a request: the credentials, if they were sent, are right.
  void note_accepted() noexcept { attempts_ = 0; }
  /// The value of the header for a request; empty: the server has not asked for one.
  [[nodiscard]] std::string header(std::string_view method, std::string_view uri);

  [[nodiscard]] static std::string random_text();

 private:
  static constexpr int kMostAttempts = 2;

  [[nodiscard]] std::string digest(std::string_view method, std::string_view uri);

  const std::optional<Credentials> credentials_;
  const std::string client_nonce_;
  std::optional<Challenge> challenge_;
  int attempts_ = 0;        // since the server last accepted a request
  std::uint32_t uses_ = 0;  // of the nonce
};

}  // namespace freshframe::media::rtsp
