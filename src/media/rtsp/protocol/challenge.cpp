// What a server wants to see before it answers: WWW-Authenticate (RFC 7235, 7616, 7617).
// SPDX-License-Identifier: Apache-2.0
#include "media/rtsp/protocol/challenge.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "core/ascii.hpp"

namespace freshframe::media::rtsp {
namespace {

constexpr std::size_t kMostChallenges = 16;

/// The words of the header: tokens, quoted texts, and the marks '=' and ','.
class Words {
 public:
  explicit Words(std::string_view text) : text_(text) {}

  /// The mark that comes next; 0: a word or the end.
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
  /// What follows a '=': a token may hold further ones, as base64 does.
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
  std::vector<std::pair<std::string, std::string>> parameters;  // names in small letters

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

/// Sets the hash; false: it is unknown.
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

/// qop="auth,auth-int": whether "auth" is among them.
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
  if (const auto* opaque = raw.find("opaque")) challenge.opaque = *opaque;
  const auto offers = raw.get("qop");
  challenge.qop = offers_auth(offers);
  if (!challenge.qop && !offers.empty()) return std::nullopt;  // "auth-int" alone
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

const Challenge* strongest(const std::vector<Challenge>& challenges) {
  const auto found = std::ranges::max_element(
      challenges, {}, [](const Challenge& one) { return std::pair(one.digest, one.hash); });
  return found == challenges.end() ? nullptr : &*found;
}

}  // namespace freshframe::media::rtsp
