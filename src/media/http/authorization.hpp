// Answers a server's challenges: Basic (RFC 7617) and Digest (RFC 7616, 2617, 2069).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace freshframe::media {

// The proof that a server wants before it answers: WWW-Authenticate (RFC 7235, 7616, 7617).

/// The hash of Digest. In the order in which they are preferred, the worst first.
enum class DigestHash : std::uint8_t { Md5, Sha256, Sha512T256 };  // the last one: SHA-512/256

struct Challenge {
  bool digest = false;  // otherwise Basic
  std::string realm{};
  std::string nonce{};
  std::optional<std::string> opaque{};
  std::string algorithm{};  // algorithm as the server wrote it: "SHA-256-sess"; "" if it named none
  DigestHash hash = DigestHash::Md5;
  bool session = false;     // "-sess"
  bool qop = false;         // it offers qop="auth"
  bool stale = false;       // only the nonce was too old
  bool hides_user = false;  // userhash=true: the server wants a hash instead of the user's name
};

/// The challenges that can be answered, of all headers of this name. One header may hold several. Digest with
/// an unknown hash, or with qop="auth-int" alone, is left out, as are other schemes.
[[nodiscard]] std::vector<Challenge> parse_challenges(const std::vector<std::string_view>& headers);

/// The algorithm of a Digest that cannot be answered, since its hash is not known; empty without such a challenge.
[[nodiscard]] std::string unknown_digest(const std::vector<std::string_view>& headers);

/// Names a challenge that cannot be answered: "Digest with the algorithm 'SHA-1'". Returns an empty string if one of them
/// can be answered.
[[nodiscard]] std::string unanswerable(const std::vector<std::string_view>& headers);

/// The nextnonce of Authentication-Info (RFC 7616, 3.5); empty without one.
[[nodiscard]] std::string next_nonce(std::string_view header);

/// Returns the strongest one, or null.
[[nodiscard]] const Challenge* strongest(const std::vector<Challenge>& challenges);

struct Credentials {
  std::string user;
  std::string password;
  bool operator==(const Credentials&) const = default;
};

/// The authorization of one connection. Credentials that are refused are sent at most twice, since cameras
/// lock an account after a few wrong passwords. One thread.
class Authorization {
 public:
  /// `client_nonce`: of Digest; a random text by default.
  explicit Authorization(std::optional<Credentials> credentials, std::string client_nonce = random_text());

  /// The challenges of an answer 401. False means another request would be refused, too: there are no
  /// credentials, none of the challenges can be answered, or the credentials are wrong.
  [[nodiscard]] bool accept_challenges(const std::vector<Challenge>& challenges);
  /// The password is sent as Basic: it can be read in the request.
  [[nodiscard]] bool is_basic() const noexcept { return challenge_ && !challenge_->digest; }
  [[nodiscard]] const std::optional<Credentials>& credentials() const noexcept { return credentials_; }
  /// The server has answered a request: the credentials, if they were sent, are right.
  void note_accepted() noexcept { attempts_ = 0; }
  /// Uses this nonce of the server from now on.
  void change_nonce(std::string nonce);
  /// The value of the header for a request; empty means the server has not asked for one.
  [[nodiscard]] std::string header(std::string_view method, std::string_view uri);

  [[nodiscard]] static std::string random_text();

 private:
  static constexpr int kMostAttempts = 2;

  [[nodiscard]] std::string digest(std::string_view method, std::string_view uri);

  const std::optional<Credentials> credentials_;
  const std::string client_nonce_;
  std::optional<Challenge> challenge_;
  int attempts_ = 0;        // since the server last accepted a request
  std::uint32_t uses_ = 0;  // uses of the nonce
};

}  // namespace freshframe::media
