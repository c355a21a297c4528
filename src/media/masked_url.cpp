// URLs without their passwords.
// SPDX-License-Identifier: Apache-2.0
#include "media/masked_url.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/ascii.hpp"
#include "media/url_authority.hpp"

namespace freshframe::media {
namespace {

/// Characters that always end a URL in a text. A quote may be a part of a password.
constexpr std::string_view kSpaces = " \t\r\n";

/// `text` ends with "http://" or "https://", in small or capital letters.
bool is_http(std::string_view text) {
  constexpr std::string_view kLongest = "https://";
  const auto end = core::lower_case(text.substr(text.size() - std::min(text.size(), kLongest.size())));
  return end.ends_with("http://") || end.ends_with("https://");
}

/// A part of a text without spaces. A URL in it ends with it at the latest.
struct Word {
  std::size_t end = 0;
  std::size_t last_at = std::string_view::npos;  // of its last '@'; npos: it has none
};

/// The word that `begin` is in. `before`: of an earlier position. Each word is looked at once, since a text
/// from a camera may be one long word with thousands of URLs.
Word word_at(std::string_view text, std::size_t begin, const Word& before) {
  if (begin < before.end) return before;
  Word word{.end = std::min(text.find_first_of(kSpaces, begin), text.size())};
  const auto at = text.substr(begin, word.end - begin).rfind('@');
  if (at != std::string_view::npos) word.last_at = begin + at;
  return word;
}

/// The position of the password in the URL whose "://" ends at `begin`: [first, last), or nothing. A password
/// with an unescaped '/', '?' or '@' cannot be distinguished from a path with an '@': then everything up to
/// the last '@' counts as the password.
std::pair<std::size_t, std::size_t> password_span(std::string_view text, std::size_t begin,
                                                  const Word& word) {
  const auto url = text.substr(0, word.end);
  const auto parts = parse_authority(url, begin);
  const auto colon = url.substr(0, parts.end).find(':', begin);
  if (colon == std::string_view::npos || (parts.user_end && colon > *parts.user_end)) {
    // A user name without a password, which over HTTP is a secret: "https://token@host/".
    const bool token = parts.user_end && is_http(text.substr(0, begin));
    return token ? std::pair(begin, *parts.user_end) : std::pair(std::size_t{0}, std::size_t{0});
  }
  const bool before_port = parts.bracketed || core::all_digits(url.substr(colon + 1, parts.end - colon - 1));
  if (colon >= parts.host_begin && before_port) return {0, 0};
  if (word.last_at == std::string_view::npos || word.last_at < colon) return {0, 0};
  return {colon + 1, word.last_at};
}

/// Parameters such as "pwd=secret", "loginpas=secret" or "access_token=secret", as cameras use them.
bool is_secret(std::string_view name) {
  constexpr std::array<std::string_view, 9> kWords{"pas",  "pw",  "token",   "secret", "key",
                                                   "auth", "sig", "session", "jwt"};
  constexpr std::array<std::string_view, 3> kWhole{"p", "sid", "pin"};
  const auto small = core::lower_case(name);
  return std::find(kWhole.begin(), kWhole.end(), small) != kWhole.end() ||
         std::any_of(kWords.begin(), kWords.end(),
                     [&](std::string_view word) { return small.find(word) != std::string::npos; });
}

/// The values of secret parameters, masked: "?pwd=a", and "/user=joe_password=a_channel=1" as well, which
/// some cameras have as their path. Everything up to the next '&', '#' or space is the value.
std::string mask_parameters(const std::string& text) {
  std::string masked;
  std::size_t done = 0;
  auto scheme = std::string::npos;  // the last "://" before `equals`
  auto next_scheme = text.find("://");
  std::size_t space = 0;  // the first one behind `scheme`
  for (auto equals = text.find('='); equals != std::string::npos; equals = text.find('=', equals + 1)) {
    for (; next_scheme < equals; next_scheme = text.find("://", next_scheme + 1)) scheme = next_scheme;
    if (equals < done || scheme == std::string::npos) continue;
    if (space <= scheme) space = std::min(text.find_first_of(kSpaces, scheme), text.size());
    if (space < equals) continue;
    const auto name = text.find_last_of("?&;,/=", equals - 1) + 1;
    if (!is_secret(std::string_view(text).substr(name, equals - name))) continue;
    auto end = std::min(text.find_first_of("&# \t\r\n", equals + 1), text.size());
    end = std::max(text.find_last_not_of("'\":,.;)>", end - 1) + 1, equals + 1);  // of the sentence around it
    masked += text.substr(done, equals + 1 - done) + "***";
    done = end;
  }
  return masked + text.substr(done);
}

std::string mask_once(std::string_view text) {
  std::string masked;
  std::size_t done = 0;
  Word word;
  for (auto at = text.find("://"); at != std::string_view::npos; at = text.find("://", at + 3)) {
    word = word_at(text, at + 3, word);
    const auto [first, last] = password_span(text, at + 3, word);
    if (first == last || first < done) continue;
    masked += text.substr(done, first - done);
    masked += "***";
    done = last;
  }
  masked += text.substr(done);
  return mask_parameters(masked);
}

}  // namespace

std::string mask_passwords(std::string_view text) {
  auto masked = mask_once(text);
  // The rest may look like another URL after a part of it is masked.
  for (auto again = mask_once(masked); again != masked; again = mask_once(masked)) masked = std::move(again);
  return masked;
}

}  // namespace freshframe::media
