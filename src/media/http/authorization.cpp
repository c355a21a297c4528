// Answers a server's challenges: Basic (RFC 7617) and Digest (RFC 7616, 2617, 2069).
// SPDX-License-Identifier: Apache-2.0
#include "media/http/authorization.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iomanip>
#include <memory>
#include <new>
#include <span>
#include <sstream>
#include <utility>

#include "core/ascii.hpp"
#include "media/ffmpeg/base64.hpp"

extern "C" {
#include <libavutil/md5.h>
#include <libavutil/mem.h>
#include <libavutil/sha.h>
#include <libavutil/sha512.h>
}

namespace freshframe::media {

// Parses the WWW-Authenticate header (RFC 7235, 7616, 7617).

namespace {

constexpr std::size_t kMostChallenges = 16;

/// Splits the header into tokens, quoted strings, and the separators '=' and ','.
class Words {
 public:
  explicit Words(std::string_view text) : text_(text) {}

  /// Returns the next separator; 0 for a token, a quoted string or the end.
  [[nodiscard]] char mark() {
    skip_blanks();
    return !text_.empty() && (text_.front() == '=' || text_.front() == ',') ? text_.front() : '\0';
  }
  void take_mark() { text_.remove_prefix(1); }
  [[nodiscard]] bool at_end() {
    skip_blanks();
    return text_.empty();
  }
  [[nodiscard]] std::string word() {
    skip_blanks();
    if (text_.starts_with('"')) return quoted();
    const auto end = std::min(text_.find_first_of(" \t,="), text_.size());
    return take(end);
  }
  /// Reads the value after '='. Tokens may contain '=' themselves, as in base64.
  [[nodiscard]] std::string value() {
    skip_blanks();
    if (text_.starts_with('"')) return quoted();
    return take(std::min(text_.find_first_of(" \t,"), text_.size()));
  }

 private:
  void skip_blanks() { text_.remove_prefix(std::min(text_.find_first_not_of(" \t"), text_.size())); }
  std::string take(std::size_t size) {
    std::string taken(text_.substr(0, size));
    text_.remove_prefix(size);
    return taken;
  }
  std::string quoted() {
    std::string result;
    std::size_t at = 1;
    for (; at < text_.size() && text_[at] != '"'; ++at) {
      if (text_[at] == '\\' && at + 1 < text_.size()) ++at;
      result += text_[at];
    }
    text_.remove_prefix(std::min(at + 1, text_.size()));
    return result;
  }

  std::string_view text_;
};

struct Raw {
  std::string scheme;
  std::vector<std::pair<std::string, std::string>> parameters;  // names in lower case

  [[nodiscard]] const std::string* find(std::string_view name) const {
    const auto found = std::ranges::find(parameters, name, &std::pair<std::string, std::string>::first);
    return found == parameters.end() ? nullptr : &found->second;
  }
  [[nodiscard]] std::string get(std::string_view name) const {
    const auto* found = find(name);
    return found != nullptr ? *found : std::string();
  }
};

void split(std::string_view header, std::vector<Raw>& into) {
  Words words(header);
  while (!words.at_end() && into.size() <= kMostChallenges) {
    if (words.mark() != '\0') {
      words.take_mark();
      continue;
    }
    auto word = core::lower_case(words.word());
    if (words.mark() != '=') {
      into.push_back({std::move(word), {}});
      continue;
    }
    words.take_mark();
    auto value = words.value();
    if (!into.empty()) into.back().parameters.emplace_back(std::move(word), std::move(value));
  }
}

/// Sets the hash algorithm. Returns false if it is unknown.
bool read_algorithm(std::string_view text, Challenge& challenge) {
  constexpr std::string_view kSession = "-sess";
  auto name = core::lower_case(text);
  challenge.session = name.ends_with(kSession);
  if (challenge.session) name.resize(name.size() - kSession.size());
  if (name.empty() || name == "md5") {
    challenge.hash = DigestHash::Md5;
  } else if (name == "sha-256" || name == "sha256") {
    challenge.hash = DigestHash::Sha256;
  } else if (name == "sha-512-256") {
    challenge.hash = DigestHash::Sha512T256;
  } else {
    return false;
  }
  return true;
}

/// Returns true if "auth" is in a list such as qop="auth,auth-int".
bool offers_auth(std::string_view offers) {
  Words words(offers);
  while (!words.at_end()) {
    if (words.mark() != '\0') {
      words.take_mark();
    } else if (core::lower_case(words.word()) == "auth") {
      return true;
    }
  }
  return false;
}

std::optional<Challenge> understood(const Raw& raw) {
  Challenge challenge{.realm = raw.get("realm")};
  if (raw.scheme == "basic") return challenge;
  if (raw.scheme != "digest") return std::nullopt;
  challenge.digest = true;
  challenge.nonce = raw.get("nonce");
  challenge.algorithm = raw.get("algorithm");
  challenge.stale = core::lower_case(raw.get("stale")) == "true";
  challenge.hides_user = core::lower_case(raw.get("userhash")) == "true";
  if (const auto* opaque = raw.find("opaque")) challenge.opaque = *opaque;
  const auto offers = raw.get("qop");
  challenge.qop = offers_auth(offers);
  if (!challenge.qop && !offers.empty()) return std::nullopt;  // only "auth-int" is offered
  return read_algorithm(challenge.algorithm, challenge) ? std::optional(challenge) : std::nullopt;
}

}  // namespace

std::vector<Challenge> parse_challenges(const std::vector<std::string_view>& headers) {
  std::vector<Raw> raw;
  for (const auto header : headers) split(header, raw);
  std::vector<Challenge> challenges;
  for (const auto& one : raw) {
    if (auto challenge = understood(one)) challenges.push_back(*std::move(challenge));
  }
  return challenges;
}

std::string unknown_digest(const std::vector<std::string_view>& headers) {
  std::vector<Raw> raw;
  for (const auto header : headers) split(header, raw);
  for (const auto& one : raw) {
    Challenge challenge;
    if (one.scheme == "digest" && !read_algorithm(one.get("algorithm"), challenge))
      return one.get("algorithm");
  }
  return {};
}

std::string unanswerable(const std::vector<std::string_view>& headers) {
  if (!parse_challenges(headers).empty()) return {};
  if (const auto algorithm = unknown_digest(headers); !algorithm.empty())
    return "Digest with the algorithm '" + algorithm + "'";
  std::vector<Raw> raw;
  for (const auto header : headers) split(header, raw);
  for (const auto& one : raw) {
    if (one.scheme == "digest") return "Digest with qop=" + one.get("qop");
  }
  return raw.empty() ? std::string() : "'" + raw.front().scheme + "'";
}

std::string next_nonce(std::string_view header) {
  std::vector<Raw> raw;
  split("info " + std::string(header), raw);
  return raw.empty() ? std::string() : raw.front().get("nextnonce");
}

const Challenge* strongest(const std::vector<Challenge>& challenges) {
  const auto found = std::ranges::max_element(
      challenges, {}, [](const Challenge& one) { return std::pair(one.digest, one.hash); });
  return found == challenges.end() ? nullptr : &*found;
}

namespace {

std::string hex(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const auto byte : bytes) {
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 15U];
  }
  return text;
}

const std::uint8_t* count_octets(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

struct FreeHash {
  void operator()(void* hash) const noexcept { av_free(hash); }
};

std::string md5(std::string_view text) {
  std::array<std::uint8_t, 16> sum{};
  av_md5_sum(sum.data(), count_octets(text), text.size());
  return hex(sum);
}

template <class Hash>
std::string sha(std::string_view text, Hash* (*make)(), int (*init)(Hash*, int),
                void (*update)(Hash*, const std::uint8_t*, std::size_t),
                void (*finish)(Hash*, std::uint8_t*)) {
  constexpr int kBits = 256;
  const std::unique_ptr<Hash, FreeHash> hash(make());
  if (!hash || init(hash.get(), kBits) < 0) throw std::bad_alloc();
  update(hash.get(), count_octets(text), text.size());
  std::array<std::uint8_t, kBits / 8> sum{};
  finish(hash.get(), sum.data());
  return hex(sum);
}

std::string hashed(DigestHash kind, std::string_view text) {
  switch (kind) {
    case DigestHash::Md5:
      return md5(text);
    case DigestHash::Sha256:
      return sha<AVSHA>(text, av_sha_alloc, av_sha_init, av_sha_update, av_sha_final);
    case DigestHash::Sha512T256:
      return sha<AVSHA512>(text, av_sha512_alloc, av_sha512_init, av_sha512_update, av_sha512_final);
  }
  return {};
}

std::string in_quotes(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + "\"";
}

}  // namespace

Authorization::Authorization(std::optional<Credentials> credentials, std::string client_nonce)
    : credentials_(std::move(credentials)), client_nonce_(std::move(client_nonce)) {}

bool Authorization::accept_challenges(const std::vector<Challenge>& challenges) {
  const auto* best = strongest(challenges);
  if (!credentials_ || best == nullptr || attempts_ >= kMostAttempts) return false;
  // A second 401 means wrong credentials, unless the server says that only its nonce was stale.
  if (attempts_ > 0 && !best->stale) return false;
  challenge_ = *best;
  uses_ = 0;
  ++attempts_;
  return true;
}

void Authorization::change_nonce(std::string nonce) {
  if (!challenge_ || !challenge_->digest || nonce == challenge_->nonce) return;
  challenge_->nonce = std::move(nonce);
  uses_ = 0;
}

std::string Authorization::header(std::string_view method, std::string_view uri) {
  if (!challenge_) return {};
  if (challenge_->digest) return digest(method, uri);
  return "Basic " + base64(credentials_->user + ":" + credentials_->password);
}

std::string Authorization::digest(std::string_view method, std::string_view uri) {
  const auto& asked = *challenge_;
  const auto hash = [&](const std::string& text) { return hashed(asked.hash, text); };
  std::ostringstream count;
  count << std::hex << std::setw(8) << std::setfill('0') << ++uses_;
  auto secret = hash(credentials_->user + ":" + asked.realm + ":" + credentials_->password);
  if (asked.session) secret = hash(secret + ":" + asked.nonce + ":" + client_nonce_);
  const auto action = hash(std::string(method) + ":" + std::string(uri));
  const auto middle =
      asked.qop ? asked.nonce + ":" + count.str() + ":" + client_nonce_ + ":auth" : asked.nonce;
  const auto shown_user =
      asked.hides_user ? hash(credentials_->user + ":" + asked.realm) : credentials_->user;
  std::string text = "Digest username=" + in_quotes(shown_user) + ", realm=" + in_quotes(asked.realm) +
                     ", nonce=" + in_quotes(asked.nonce) + ", uri=" + in_quotes(uri) +
                     ", response=" + in_quotes(hash(secret + ":" + middle + ":" + action));
  if (asked.opaque) text += ", opaque=" + in_quotes(*asked.opaque);
  if (!asked.algorithm.empty()) text += ", algorithm=" + asked.algorithm;
  if (asked.qop) text += ", qop=auth, nc=" + count.str();
  if (asked.hides_user) text += ", userhash=true";
  if (asked.qop || asked.session) text += ", cnonce=" + in_quotes(client_nonce_);
  return text;
}

}  // namespace freshframe::media
