// Answers a server's challenges: Basic (RFC 7617) and Digest (RFC 7616, 2617, 2069).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/random.hpp"

namespace freshframe::media {

// Parses the WWW-Authenticate header (RFC 7235, 7616, 7617).

/// Hash algorithms of Digest, from the weakest to the strongest, which is preferred.
enum class DigestHash : std::uint8_t { Md5, Sha256, Sha512T256 };  // Sha512T256 is SHA-512/256

struct Challenge {
  bool digest = false;  // otherwise Basic
  std::string realm{};
  std::string nonce{};
  std::optional<std::string> opaque{};
  std::string algorithm{};  // as the server wrote it: "SHA-256-sess"; empty if not given
  DigestHash hash = DigestHash::Md5;
  bool session = false;     // "-sess"
  bool qop = false;         // the server offers qop="auth"
  bool stale = false;       // only the nonce was stale
  bool hides_user = false;  // the server wants a hash instead of the user name (userhash=true)
};

/// Returns the supported challenges of all given headers; one header may contain several. Omits Digest with
/// an unknown hash or only qop="auth-int", and other schemes.
[[nodiscard]] std::vector<Challenge> parse_challenges(const std::vector<std::string_view>& headers);

/// Returns the unsupported algorithm of a Digest challenge, or an empty string.
[[nodiscard]] std::string unknown_digest(const std::vector<std::string_view>& headers);

/// Describes an unsupported challenge: "Digest with the algorithm 'SHA-1'". Returns an empty string if any
/// challenge is supported.
[[nodiscard]] std::string unanswerable(const std::vector<std::string_view>& headers);

/// Returns nextnonce of Authentication-Info (RFC 7616, 3.5), or an empty string.
[[nodiscard]] std::string next_nonce(std::string_view header);

/// Returns the strongest challenge, or null.
[[nodiscard]] const Challenge* strongest(const std::vector<Challenge>& challenges);

struct Credentials {
  std::string user;
  std::string password;
  bool operator==(const Credentials&) const = default;
};

/// Authorization of one connection. Rejected credentials are sent at most twice, since cameras lock an
/// account after a few wrong passwords. Not thread-safe.
class Authorization {
 public:
  /// `client_nonce`: of Digest; random by default, but zero if the machine has no entropy at boot. It only
  /// protects against chosen-plaintext attacks.
  explicit Authorization(std::optional<Credentials> credentials,
                         std::string client_nonce = platform::random_hex(8));

  /// Processes the challenges of a 401 response. Returns false if a retry would fail as well: there are no
  /// credentials, no challenge is supported, or the credentials are wrong.
  [[nodiscard]] bool accept_challenges(const std::vector<Challenge>& challenges);
  /// Returns true for Basic, where the password is readable in the request.
  [[nodiscard]] bool is_basic() const noexcept { return challenge_ && !challenge_->digest; }
  [[nodiscard]] const std::optional<Credentials>& credentials() const noexcept { return credentials_; }
  /// Call when the server has accepted a request: the credentials, if sent, are right.
  void note_accepted() noexcept { attempts_ = 0; }
  /// Uses this server nonce from now on.
  void change_nonce(std::string nonce);
  /// Returns the value of the Authorization header, or an empty string if the server has not asked for one.
  [[nodiscard]] std::string header(std::string_view method, std::string_view uri);

 private:
  static constexpr int kMostAttempts = 2;

  [[nodiscard]] std::string digest(std::string_view method, std::string_view uri);

  const std::optional<Credentials> credentials_;
  const std::string client_nonce_;
  std::optional<Challenge> challenge_;
  int attempts_ = 0;        // number of attempts since the server last accepted a request
  std::uint32_t uses_ = 0;  // of the nonce
};

}  // namespace freshframe::media
