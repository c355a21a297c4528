// What a server wants to see before it answers: WWW-Authenticate (RFC 7235, 7616, 7617).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace freshframe::media::rtsp {

/// The hash of Digest. In the order in which they are preferred, the worst first.
enum class DigestHash : std::uint8_t { Md5, Sha256, Sha512T256 };  // the last one: SHA-512/256

struct Challenge {
  bool digest = false;  // otherwise Basic
  std::string realm{};
  std::string nonce{};
  std::optional<std::string> opaque{};
  std::string algorithm{};  // as the server wrote it: "SHA-256-sess"; empty: it named none
  DigestHash hash = DigestHash::Md5;
  bool session = false;  // "-sess"
  bool qop = false;      // it offers qop="auth"
  bool stale = false;    // only the nonce was too old
};

/// The challenges that can be answered, of all headers of this name. One header may hold several. Digest with
/// an unknown hash, or with qop="auth-int" alone, is left out, as are other schemes.
[[nodiscard]] std::vector<Challenge> parse_challenges(const std::vector<std::string_view>& headers);

/// The algorithm of a Digest that cannot be answered, since its hash is not known; empty: there is none.
[[nodiscard]] std::string unknown_digest(const std::vector<std::string_view>& headers);

/// The strongest one; null: there is none.
[[nodiscard]] const Challenge* strongest(const std::vector<Challenge>& challenges);

}  // namespace freshframe::media::rtsp
