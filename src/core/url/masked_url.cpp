// Masks passwords in URLs.
// SPDX-License-Identifier: Apache-2.0
#include "core/url/masked_url.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/ascii.hpp"
#include "core/percent_escape.hpp"
#include "core/url/live_url.hpp"
#include "core/url/url_authority.hpp"

namespace freshframe::core {
namespace {

// Note [Passwords that no URL may have]
//
// A URL whose password contains an unescaped '/', '?', '#', '@' or ':' does not work, so users paste it into
// bug reports. Such a password cannot be distinguished from a port followed by a path with an '@'. So
// everything from the first ':' to the last '@' is masked: "http://host:8080/mail@home" loses its path in
// messages, but no password is ever shown. Only an address in brackets is certain to be a host.

/// Characters that always end a URL in a text. Quotes do not, because a password may contain them.
constexpr std::string_view kSpaces = " \t\r\n";
constexpr std::size_t kNone = std::string_view::npos;
constexpr long kHighestPort = 65535;
constexpr std::string_view kMask = "***";
/// Characters at the end of a URL that belong to the surrounding sentence.
constexpr std::string_view kSentence = "'\":,.;)>";

/// State of one masking call. Escaped URLs may contain escaped URLs as parameters.
struct Masking {
  std::vector<std::string>* found = nullptr;  // receives the masked parts
  int depth = 0;

  void note(std::string_view part) const {
    if (found != nullptr && part.find(kMask) == kNone) found->emplace_back(part);
  }
};

struct Range {
  std::size_t first = 0;
  std::size_t last = 0;

  [[nodiscard]] bool is_empty() const { return first == last; }
};

/// Returns true if a user without a password must be masked: after "http://" or "https://", where it may be a
/// token, and after a word that is not a scheme, as in "joe://secret@host", whose password starts with "//".
bool user_is_secret(std::string_view before) {
  constexpr std::size_t kLongest = 16;
  before.remove_suffix(std::string_view("://").size());
  auto word = lower_case(before.substr(before.size() - std::min(before.size(), kLongest)));
  const auto is_sign = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; };
  word.erase(word.begin(), std::find_if(word.rbegin(), word.rend(), is_sign).base());
  return word == "http" || word == "https" || !(word.empty() || is_live_scheme(word));
}

/// The end of a URL, and its last '@'.
struct Extent {
  std::size_t end = 0;
  std::size_t last_at = kNone;
};

/// Returns the end of "[::1]" at `begin`, or npos if there is no such address.
std::size_t find_address_end(std::string_view text, std::size_t begin) {
  constexpr std::size_t kLongest = 64;
  const auto near = text.substr(begin, kLongest);
  const auto end = near.find_first_of("]@/");
  const bool is_one = near.starts_with('[') && end != kNone && near[end] == ']' && near.find(':') < end;
  return is_one ? begin + end + 1 : kNone;
}

/// Returns true if the ':' after the first word of a URL is followed by something other than a port, as in
/// "rtsp://user:secret" without an '@'. Punctuation may follow the URL.
bool has_odd_port(std::string_view url) {
  const auto colon = url.find_first_of(":/?#");
  if (colon == kNone || url[colon] != ':' || url.starts_with('[')) return false;
  if (colon > 0 && (url[colon - 1] == '\'' || url[colon - 1] == '"')) return false;  // the URL has ended
  auto port = url.substr(colon + 1);
  if (port.starts_with('{') || port.starts_with("%s") || port.starts_with("%d"))
    return false;  // a format string in the output of a program
  port = port.substr(0, port.find_first_of("/?#"));
  port = port.substr(0, port.find_last_not_of("'\":,.;)<>]}") + 1);
  return !port.empty() && !(all_digits(port) && number_at(port, kHighestPort));
}

/// Returns the password of the URL whose "://" ends at `begin`. See Note [Passwords that no URL may have].
Range password_in(std::string_view text, std::size_t begin, const Extent& extent) {
  if (extent.last_at == kNone || find_address_end(text, begin) != kNone) return {};
  const auto url = text.substr(0, extent.end);
  const bool is_token = user_is_secret(text.substr(0, begin));
  const auto colon = url.find(':', begin);
  const auto user_end = url.substr(0, colon).find('@', begin);
  if (colon < extent.last_at) {
    // A user with an empty password is a token.
    if (user_end == kNone) return {colon + 1 == extent.last_at ? begin : colon + 1, extent.last_at};
    if (find_address_end(text, user_end + 1) == kNone)
      return {is_token ? begin : colon + 1, extent.last_at};  // "joe@mail.org:secret@host"
  }
  const auto user = parse_authority(url, begin).user_end;
  return is_token && user ? Range{begin, *user} : Range{};
}

/// Finds the extents of URLs in a text, where whitespace ends them. Scans each word only once, because a text
/// from a camera may be one long word with thousands of URLs.
class UrlsInText {
 public:
  explicit UrlsInText(std::string_view text) : text_(text) {}

  Extent at(std::size_t begin) {
    if (begin >= word_.end) find_word(begin);
    return word_.last_at != kNone && word_.last_at >= begin ? word_ : without_at(begin);
  }

 private:
  void find_word(std::size_t begin) {
    word_ = {.end = std::min(text_.find_first_of(kSpaces, begin), text_.size())};
    const auto at = text_.substr(begin, word_.end - begin).rfind('@');
    if (at != kNone) word_.last_at = begin + at;
  }

  /// "user:my secret@host" extends to the last '@' of its line.
  [[nodiscard]] Extent without_at(std::size_t begin) const {
    constexpr std::size_t kFarthest = 128;
    const auto near = text_.substr(begin, kFarthest);
    const auto end = std::min(word_.end - begin, near.size());
    if (!has_odd_port(near.substr(0, end))) return {.end = word_.end};
    const auto line = near.substr(0, std::min(near.find('\n'), near.find("://")));
    const auto at = line.rfind('@');
    if (at == kNone) return {.end = begin + end, .last_at = begin + end};
    return {.end = begin + line.size(), .last_at = begin + at};
  }

  std::string_view text_;
  Extent word_;
};

/// Extents for a text that is a single URL.
class WholeUrl {
 public:
  explicit WholeUrl(std::string_view url) : url_(url), last_at_(url.rfind('@')) {}

  [[nodiscard]] Extent at(std::size_t begin) const {
    const auto end = url_.size();
    if (last_at_ != kNone && last_at_ >= begin) return {.end = end, .last_at = last_at_};
    return {.end = end, .last_at = has_odd_port(url_.substr(begin)) ? end : kNone};
  }

 private:
  std::string_view url_;
  std::size_t last_at_;
};

/// Returns true if `name` is, or contains, the name of a secret parameter as cameras use it: "pwd=secret",
/// "loginpas=secret", "access_token=secret".
bool is_secret(std::string_view name) {
  constexpr std::array<std::string_view, 20> kWords{
      "pas", "pw",   "psw", "psk",  "token", "key",  "secret", "auth",   "sig",   "sess",
      "jwt", "hmac", "hdn", "cred", "md5",   "hash", "cookie", "ticket", "nonce", "bearer"};
  constexpr std::array<std::string_view, 10> kWhole{"p",   "k",   "st",  "tk",   "tkn",
                                                    "sid", "pin", "otp", "code", "streamid"};
  const auto small = lower_case(name);
  return std::find(kWhole.begin(), kWhole.end(), small) != kWhole.end() ||
         std::any_of(kWords.begin(), kWords.end(),
                     [&](std::string_view word) { return small.find(word) != std::string::npos; });
}

/// Returns true if the parameter is in a query without a host, such as "?token=a" in a playlist or a server's
/// message.
bool is_in_query(std::string_view text, std::size_t name, std::string_view word) {
  const bool follows = name > 0 && (text[name - 1] == '?' || text[name - 1] == '&');
  return follows && word.find_first_of(kSpaces) == kNone;
}

/// Masks the values of secret parameters: "?pwd=a", but also "/user=joe_password=a_channel=1", which some
/// cameras use as their path. A value extends to the next '&' or one of `ends`.
std::string mask_parameters(const std::string& text, std::string_view ends, const Masking& call) {
  std::string masked;
  std::size_t done = 0;
  auto scheme = kNone;  // the last "://" before `equals`
  auto next_scheme = text.find("://");
  std::size_t end_of_url = 0;  // the first of `ends` after `scheme`
  std::size_t limit = 0;       // the first of `ends` after `equals`
  for (auto equals = text.find('='); equals != kNone; equals = text.find('=', equals + 1)) {
    for (; next_scheme < equals; next_scheme = text.find("://", next_scheme + 1)) scheme = next_scheme;
    if (equals < done || equals == 0) continue;
    if (scheme != kNone && end_of_url <= scheme)
      end_of_url = std::min(text.find_first_of(ends, scheme), text.size());
    const auto name = text.find_last_of("?&;,/=", equals - 1) + 1;
    const auto word = std::string_view(text).substr(name, equals - name);
    const bool is_in_url = scheme != kNone && equals <= end_of_url;
    if (!(is_in_url || is_in_query(text, name, word)) || !is_secret(percent_decoded(word))) continue;
    if (limit <= equals) limit = std::min(text.find_first_of(ends, equals + 1), text.size());
    auto end = std::min(std::string_view(text).substr(0, limit).find('&', equals + 1), limit);
    if (!ends.empty())  // exclude punctuation
      end = std::max(text.find_last_not_of(kSentence, end - 1) + 1, equals + 1);
    call.note(std::string_view(text).substr(equals + 1, end - equals - 1));
    masked.append(text, done, equals + 1 - done).append(kMask);
    done = end;
  }
  return masked + text.substr(done);
}

/// Masks passwords followed by an '@'. `Extents` is UrlsInText or WholeUrl.
template <class Extents>
std::string mask_credentials(std::string_view text, const Masking& call) {
  Extents extents(text);
  std::string masked;
  std::size_t done = 0;
  for (auto at = text.find("://"); at != kNone; at = text.find("://", at + 3)) {
    const auto span = password_in(text, at + 3, extents.at(at + 3));
    if (span.is_empty() || span.first < done) continue;
    call.note(text.substr(span.first, span.last - span.first));
    masked.append(text.substr(done, span.first - done)).append(kMask);
    done = span.last;
  }
  masked += text.substr(done);
  return masked;
}

// Stream keys: the last part of an RTMP URL's path, and what stands in a query without a name.

/// Returns true if a scheme ends here: "rtmp", "rtmps", or FFmpeg's "rtmpe" and "rtmpt".
bool is_rtmp(std::string_view before) {
  constexpr std::size_t kLongest = 6;
  const auto word = lower_case(before.substr(before.size() - std::min(before.size(), kLongest)));
  const auto at = word.rfind("rtmp");
  return at != kNone && std::ranges::all_of(word.substr(at), [](char c) { return c >= 'a' && c <= 'z'; });
}

/// Returns the last path segment of an RTMP URL with its "://" at `at` and its end at `end`.
Range stream_key_in(std::string_view text, std::size_t at, std::size_t end) {
  if (!is_rtmp(text.substr(0, at))) return {};
  const auto url = text.substr(0, end);
  const auto path = parse_authority(url, at + 3).end;
  auto last = std::min(url.find_first_of("?#", path), end);
  while (last > path && url[last - 1] == '/') --last;
  if (last <= path) return {};
  return {url.rfind('/', last - 1) + 1, last};
}

/// Returns true if a part of a query without '=' may be a stream key: any in an RTMP URL
/// ("rtmp://host/app?KEY"), elsewhere only long ones with digits, since "?snapshot" and "?640x480" are useful
/// in messages. The key may be base64, with its padding, or a JSON Web Token.
bool is_bare_key(std::string_view part, bool rtmp) {
  constexpr std::size_t kShortest = 16;
  constexpr std::size_t kShortestToken = 32;  // minimum for keys with dots, which file names have as well
  constexpr std::size_t kMostPadding = 2;
  const auto last = part.find_last_not_of('=');
  if (last == kNone) return false;
  if (part.size() - last - 1 <= kMostPadding) part = part.substr(0, last + 1);
  if (part.find('=') != kNone) return false;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const std::string_view allowed = part.size() >= kShortestToken ? "-_~+/%." : "-_~+/%";
  const auto is_sign = [allowed](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) == 0 && allowed.find(c) == kNone;
  };
  return rtmp || (part.size() >= kShortest && std::ranges::any_of(part, is_digit) &&
                  std::ranges::none_of(part, is_sign));
}

/// Returns the keys in a URL's query. In an RTMP URL whose query contains a '/', the key may be anywhere
/// ("rtmp://host/app?vhost=a/KEY").
std::vector<Range> keys_in_query(std::string_view text, std::size_t at, std::size_t end) {
  const bool rtmp = is_rtmp(text.substr(0, at));
  const auto url = text.substr(0, end);
  const auto mark = url.find_first_of("?#", parse_authority(url, at + 3).end);
  if (mark == kNone) return {};
  if (rtmp && url.find('/', mark) != kNone) return {{mark + 1, end}};
  std::vector<Range> keys;
  for (auto begin = mark + 1; begin < end;) {
    const auto last = std::min(url.find_first_of("&#?", begin), end);
    if (is_bare_key(url.substr(begin, last - begin), rtmp)) keys.push_back({begin, last});
    begin = last + 1;
  }
  return keys;
}

/// Masks the stream keys in a text.
std::string mask_stream_keys(std::string_view text, std::string_view ends, const Masking& call) {
  constexpr std::size_t kShortestKey = 8;  // shorter keys may be ordinary words
  std::string masked;
  std::size_t done = 0;
  std::size_t word_end = 0;
  for (auto at = text.find("://"); at != kNone; at = text.find("://", at + 3)) {
    // Scan each part of a long word only once.
    if (at < done) continue;
    if (word_end <= at) word_end = std::min(text.find_first_of(ends, at), text.size());
    auto end = is_rtmp(text.substr(0, at)) ? word_end : std::min(word_end, text.find("://", at + 3));
    if (!ends.empty()) end = std::max(text.find_last_not_of(kSentence, end - 1) + 1, at + 3);
    auto keys = keys_in_query(text, at, end);
    keys.insert(keys.begin(), stream_key_in(text, at, end));
    for (const auto span : keys) {
      if (span.is_empty() || span.first < done) continue;
      const auto key = text.substr(span.first, span.last - span.first);
      if (key.size() >= kShortestKey) call.note(key);
      masked.append(text.substr(done, span.first - done)).append(kMask);
      done = span.last;
    }
  }
  return masked.append(text.substr(done));
}

// Escaped URLs, as programs pass them in parameters: "?next=http%3A%2F%2Fuser%3Asecret%40host".

/// Returns the length of "://" at the start of a text, where each character may be escaped, even twice
/// ("%253A"), or 0 if there is none.
std::size_t slashes_at(std::string_view text) {
  constexpr std::string_view kEscapedAgain = "25";
  std::size_t size = 0;
  for (const char wanted : std::string_view("://")) {
    auto rest = text.substr(std::min(size, text.size()));
    if (rest.starts_with(wanted)) {
      ++size;
      continue;
    }
    if (!rest.starts_with('%')) return 0;
    rest.remove_prefix(1);
    while (rest.starts_with(kEscapedAgain)) rest.remove_prefix(kEscapedAgain.size());
    if (percent_escape("%" + std::string(rest.substr(0, 2))) != wanted) return 0;
    size = text.size() - rest.size() + 2;
  }
  return size;
}

/// Returns true if a URL has an escaped user but no other escapes: "http://user%3Asecret%40host".
bool has_escaped_user(std::string_view authority) {
  return authority.find('@') == kNone && authority.find("%40") != kNone;
}

/// Returns the range of an escaped URL around its "://" of `size` bytes at `at`.
Range escaped_url(std::string_view text, std::size_t at, std::size_t size, std::string_view ends) {
  const bool plain = size == std::string_view("://").size();
  const auto first = text.substr(0, at).find_last_of("?&=;,/'\"(<> \t\r\n") + 1;
  auto last = std::min(text.find_first_of(plain ? "/?#& \t\r\n" : "& \t\r\n", at + size), text.size());
  if (!ends.empty()) last = std::max(text.find_last_not_of(kSentence, last - 1) + 1, at + size);
  return {first, last};
}

std::string mask_url(std::string_view url, const Masking& call);

/// Masks the secrets of escaped URLs in a text.
std::string mask_escaped(const std::string& text, std::string_view ends, const Masking& call) {
  constexpr std::size_t kPlain = 3;
  constexpr int kDeepest = 3;
  std::string masked;
  std::size_t done = 0;
  for (auto at = text.find_first_of(":%"); at != kNone; at = text.find_first_of(":%", at)) {
    const auto size = slashes_at(std::string_view(text).substr(at));
    const auto span = size == 0 ? Range{at, at + 1} : escaped_url(text, at, size, ends);
    const auto url = std::string_view(text).substr(span.first, span.last - span.first);
    at = span.last;
    if (size == 0 || span.first < done || (size == kPlain && !has_escaped_user(url))) continue;
    const auto plain = percent_decoded(url);
    const auto shown =
        call.depth < kDeepest ? mask_url(plain, {call.found, call.depth + 1}) : std::string(kMask);
    if (shown == plain) continue;
    masked.append(text, done, span.first - done);
    masked += percent_encoded(shown, size == kPlain ? ".~*:/@" : ".~*");
    done = span.last;
  }
  return masked + text.substr(done);
}

std::string mask_text_once(std::string_view text, const Masking& call) {
  const auto masked = mask_stream_keys(mask_credentials<UrlsInText>(text, call), kSpaces, call);
  return mask_escaped(mask_parameters(masked, kSpaces, call), kSpaces, call);
}

std::string mask_url_once(std::string_view url, const Masking& call) {
  const auto masked = mask_stream_keys(mask_credentials<WholeUrl>(url, call), "", call);
  return mask_escaped(mask_parameters(masked, "", call), "", call);
}

/// Returns the position of the user in "rtsp:/user:secret@host", "rtsp//user:secret@host",
/// "rtsp;//user:secret@host", "//user:secret@host" or "user:secret@host", or nullopt for anything else.
std::optional<std::size_t> user_without_slashes(std::string_view url) {
  const auto end = url.find_first_of(":/");
  if (end == kNone || url.substr(end).starts_with("://")) return std::nullopt;
  const auto word = lower_case(url.substr(0, end));
  if (is_live_scheme(word)) return std::min(url.find_first_not_of(":/", end), url.size());
  if (url.find('@', end) == kNone || word == "file" || word == "demo") return std::nullopt;
  const bool is_slip =
      word.empty() || word.ends_with(';') || word.ends_with('.');  // "rtsp;//user:secret@host"
  if (is_slip && url.substr(end).starts_with("//")) return url.find_first_not_of(":/", end);
  return url[end] == '/' ? std::nullopt : std::optional<std::size_t>(0);
}

template <class Mask>
std::string until_nothing_changes(std::string_view text, const Masking& call, Mask&& mask) {
  auto masked = mask(text, call);
  // Repeated, because the rest of the URL may look like another URL once a part is masked.
  for (auto again = mask(masked, call); again != masked; again = mask(masked, call))
    masked = std::move(again);
  return masked;
}

std::string mask_url(std::string_view url, const Masking& call) {
  const auto user = user_without_slashes(url);
  if (!user) return until_nothing_changes(url, call, mask_url_once);
  constexpr std::string_view kMissing = "://";
  const auto rest =
      until_nothing_changes(std::string(kMissing) + std::string(url.substr(*user)), call, mask_url_once);
  return std::string(url.substr(0, *user)) + rest.substr(kMissing.size());
}

/// Returns the user (possibly a token), or an empty string if the URL has a password or no user.
std::string_view lone_user(const LiveUrl& url) {
  const auto begin = url.scheme.size() + std::string_view("://").size();
  if (url.host_begin <= begin) return {};
  auto user = std::string_view(url.text).substr(begin, url.host_begin - 1 - begin);
  if (user.ends_with(':')) user.remove_suffix(1);
  return user.find(':') == kNone ? user : std::string_view();
}

}  // namespace

std::string mask_passwords(std::string_view text) {
  return until_nothing_changes(text, {}, mask_text_once);
}

std::string shown_url(std::string_view url) {
  return mask_url(url, {});
}

std::string_view find_stream_key(std::string_view url) {
  const auto at = url.find("://");
  const auto span = at == kNone ? Range{} : stream_key_in(url, at, url.size());
  return url.substr(span.first, span.last - span.first);
}

std::vector<std::string> find_secrets(std::string_view url) {
  constexpr std::size_t kShortest = 4;
  std::vector<std::string> found;
  const auto shown = mask_url(url, {.found = &found});
  const LiveUrl parts{std::string(url)};
  if (const auto user = lone_user(parts); !user.empty()) found.emplace_back(user);
  // If a '/' in a password was not escaped as %2F, part of the password was parsed as the host.
  if (shown.find(parts.host) == std::string::npos) found.push_back(parts.host);
  for (std::size_t i = 0, size = found.size(); i < size; ++i) found.push_back(percent_decoded(found[i]));
  std::erase_if(found, [](const std::string& secret) { return secret.size() < kShortest; });
  std::ranges::sort(found);
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace freshframe::core
