// Authenticates HTTP requests for FFmpeg, which supports only Basic and Digest with MD5.
// SPDX-License-Identifier: Apache-2.0
#include "media/http/http_access.hpp"

#include "freshframe/log.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "core/ascii.hpp"
#include "core/url/masked_url.hpp"
#include "media/ffmpeg/error.hpp"

extern "C" {
#include <libavformat/avformat.h>
#include <libavutil/error.h>
#include <libavutil/mem.h>
#include <libavutil/opt.h>
}

namespace freshframe::media {
namespace {

constexpr const char* kHeaders = "headers";
// FFmpeg option: end of the bytes to read; 0 means the end of the file.
constexpr const char* kEnd = "end_offset";
constexpr int kUnauthorized = 401;
constexpr int kForbidden = 403;

bool is_denial(int error) {
  return error == AVERROR_HTTP_UNAUTHORIZED || error == AVERROR_HTTP_FORBIDDEN;
}

/// Returns 0 for a response that is not a refusal.
int error_of_refusal(int status) {
  if (status == kUnauthorized) return AVERROR_HTTP_UNAUTHORIZED;
  return status == kForbidden ? AVERROR_HTTP_FORBIDDEN : 0;
}

/// Returns the position after the last byte of "bytes 0-99/*", or INT64_MAX if it has none.
std::int64_t end_of_range(std::string_view range) {
  const auto dash = range.find('-');
  const auto last =
      dash == std::string_view::npos ? std::nullopt : core::number_at(range.substr(dash + 1), INT64_MAX - 1);
  return last ? *last + 1 : INT64_MAX;
}

struct FreeText {
  void operator()(std::uint8_t* text) const noexcept { av_free(text); }
};

std::string option_of(void* request, const char* name) {
  std::uint8_t* text = nullptr;
  if (av_opt_get(request, name, AV_OPT_SEARCH_CHILDREN, &text) < 0 || text == nullptr) return {};
  const std::unique_ptr<std::uint8_t, FreeText> owner(text);
  return reinterpret_cast<const char*>(text);
}

void set_headers(void* request, const std::string& headers) {
  static_cast<void>(av_opt_set(request, kHeaders, headers.c_str(), AV_OPT_SEARCH_CHILDREN));
}

bool have_same_origin(const std::string& url, const std::string& other) {
  const auto one = parse_http_url(url);
  const auto two = parse_http_url(other);
  return one && two && one->origin == two->origin;
}

bool is_authorization(std::string_view line) {
  return core::lower_case(line.substr(0, line.find(':'))) == "authorization";
}

/// Removes the headers for which `is_removed` is true, in the format of FFmpeg's option, one per line.
std::string without(std::string_view headers, bool (*is_removed)(std::string_view)) {
  std::string result;
  while (!headers.empty()) {
    const auto end = std::min(headers.find('\n'), headers.size() - 1) + 1;
    auto line = headers.substr(0, end);
    headers.remove_prefix(end);
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty() && !is_removed(line)) result.append(line).append("\r\n");
  }
  return result;
}

std::string without_authorization(std::string_view headers) {
  return without(headers, is_authorization);
}

bool authorizes(Dictionary options) {
  const auto* headers = av_dict_get(*options.out(), kHeaders, nullptr, 0);
  const auto* type = av_dict_get(*options.out(), "auth_type", nullptr, 0);
  const std::string lines = headers != nullptr ? "\n" + core::lower_case(headers->value) : "";
  const std::string_view kind = type != nullptr ? type->value : "none";
  return lines.find("\nauthorization") != std::string::npos || (kind != "none" && kind != "0");
}

bool is_cookie(std::string_view line) {
  return core::lower_case(line.substr(0, line.find(':'))) == "cookie";
}

/// Sets a flag while it exists.
class Opening {
 public:
  explicit Opening(bool& flag) : flag_(flag), before_(std::exchange(flag, true)) {}
  Opening(const Opening&) = delete;
  Opening& operator=(const Opening&) = delete;
  ~Opening() { flag_ = before_; }

 private:
  bool& flag_;
  bool before_;
};

}  // namespace

HttpAccess::HttpAccess(Dictionary options, std::function<void()> end)
    : is_left_to_ffmpeg_(authorizes(std::move(options))), end_(std::move(end)) {}

std::string HttpAccess::enter(const std::string& url) {
  auto parts = is_left_to_ffmpeg_ ? std::nullopt : parse_http_url(url);
  if (!parts || !parts->credentials) return url;
  const auto found = known_.find(parts->origin);
  if (found != known_.end() && found->second.credentials() != parts->credentials) known_.erase(found);
  known_.try_emplace(parts->origin, std::move(parts->credentials));
  return parts->plain;
}

int HttpAccess::open(AVIOContext*& io, const std::string& url, AVDictionary** options, const Open& open) {
  constexpr int kMostTries = 4;
  const auto listening = attach();
  const Opening opening(is_opening_);
  if (opened_.empty()) opened_ = url;
  for (int tries = 1;; ++tries) {
    Dictionary same;
    if (options != nullptr && av_dict_copy(same.out(), *options, 0) < 0) throw std::bad_alloc();
    may_try_again_ = is_refused_ = is_complete_ = false;
    redirected_ = nullptr;
    int result = open_once(io, url, same.out(), open);
    if (const auto fault = is_complete_ ? head_.fault() : std::string(); !fault.empty()) {
      set_fault(fault);
      avio_closep(&io);  // null is allowed
      result = AVERROR_EXIT;
    }
    const bool is_unread = head_.status() == kUnauthorized && !is_complete_ && !known_.empty();
    const bool is_useful = (may_try_again_ || is_unread) && !is_refused_ && tries < kMostTries;
    if (result == AVERROR_HTTP_UNAUTHORIZED && is_useful) continue;
    if (options != nullptr) std::swap(*options, *same.out());
    if (is_denial(result) && url != opened_) skipped_ = "'" + core::shown_url(url) + "': " + text_of(result);
    return result;
  }
}

int HttpAccess::open_once(AVIOContext*& io, const std::string& url, AVDictionary** options,
                          const Open& open) {
  const auto* offset = av_dict_get(*options, "offset", nullptr, 0);
  first_byte_ = offset != nullptr ? core::number_at(offset->value, INT64_MAX).value_or(0) : 0;
  if (is_left_to_ffmpeg_ || !parse_http_url(url)) return open(io, url, options);
  const auto* given = av_dict_get(*options, kHeaders, nullptr, 0);
  const auto before = std::string(given != nullptr ? given->value : "");
  const auto headers = without_authorization(before) + header_for(url);
  if (headers != before && av_dict_set(options, kHeaders, headers.c_str(), 0) < 0) throw std::bad_alloc();
  return open(io, url, options);
}

bool HttpAccess::is_denied(int error) const noexcept {
  return is_denial(error) || denied_ != 0;
}

std::string HttpAccess::reason(int error, const std::string& why) const {
  if (is_denied(error)) return text_of(is_denial(error) ? error : denied_);
  return skipped_.empty() ? why : why + "; the server also refused " + skipped_;
}

std::string HttpAccess::with_cause(const std::string& what, const FfmpegErrorCapture& errors) const {
  if (is_denied(0)) return what + ": " + text_of(denied_);
  return reason(0, what) + cause(errors);
}

std::string HttpAccess::cause(const FfmpegErrorCapture& errors) const {
  return is_denied(0) || errors.met_denial() ? std::string() : errors.in_brackets();
}

std::string HttpAccess::text_of(int refusal) const {
  const bool has_reason = refusal == AVERROR_HTTP_UNAUTHORIZED && !refusal_.empty();
  return ffmpeg_text(refusal) + (has_reason ? ": " + refusal_ : "");
}

HttpListening HttpAccess::listen() {
  denied_ = 0;
  skipped_.clear();
  return attach();
}

HttpListening HttpAccess::attach() {
  return {[this](void* request, std::string_view line) { hear(request, line); }, [this] { fail_body(); }};
}

void HttpAccess::hear(void* request, std::string_view line) {
  if (line.starts_with("HTTP/")) return begin_head(request, line);
  if (base_.empty()) return;
  if (line.empty()) return end_head(request);
  head_.add(line);
}

void HttpAccess::begin_head(void* request, std::string_view line) {
  base_ = option_of(request, "location");  // empty for a proxy's tunnel
  head_.begin(line, first_byte_);
  if (!base_.empty() && request != redirected_) {
    first_ = base_;
    removed_.clear();
    is_kept_ = true;
  }
  is_complete_ = false;
  may_try_again_ = false;
  denied_ = is_opening_ ? 0 : error_of_refusal(head_.status());
  if (head_.status() != kUnauthorized)
    refusal_.clear();  // FFmpeg does not report the headers of a second 401
}

void HttpAccess::end_head(void* request) {
  is_complete_ = true;
  note_range(request);
  const auto next = head_.is_redirect() ? next_url() : std::string();
  if (head_.is_redirect()) {
    keep_secrets(request, next);
    note_redirect(next);
    redirected_ = request;
  } else if (head_.status() < 400) {
    redirected_ = nullptr;
    restore_secrets(request);
  }
  if (is_left_to_ffmpeg_) return;
  if (head_.status() == kUnauthorized) return on_refusal(request);
  if (head_.is_redirect()) return prepare(request, next);
  if (head_.status() < 400) on_success(request);
}

std::string HttpAccess::next_url() {
  if (const auto fault = head_.fault(); !fault.empty()) {
    set_fault(fault);
    if (end_) end_();
    return {};
  }
  return resolve_http_url(base_, head_.values("location").front());
}

void HttpAccess::keep_secrets(void* request, const std::string& next) {
  if (have_same_origin(base_, next)) return;
  const auto before = option_of(request, kHeaders);
  const auto headers = without(without_authorization(before), is_cookie);
  if (headers == before) return;
  if (have_same_origin(base_, first_)) removed_ = before;
  set_headers(request, headers);
}

/// FFmpeg follows a redirect that it keeps without asking the first server again.
void HttpAccess::note_redirect(const std::string& next) {
  const bool may_be_kept = head_.may_be_kept();
  const bool stays = have_same_origin(first_, next);
  if (may_be_kept && (is_kept_ || !stays)) first_ = stays ? next : std::string();
  is_kept_ = is_kept_ && may_be_kept;
}

std::string HttpAccess::later_url(void* request) const {
  constexpr unsigned kReturns = AV_VERSION_INT(59, 27, 0);  // earlier versions seek in the last URL
  std::int64_t is_reused = 0;                               // for other URLs of the last server
  static_cast<void>(av_opt_get_int(request, "multiple_requests", AV_OPT_SEARCH_CHILDREN, &is_reused));
  return avformat_version() < kReturns || is_reused != 0 ? base_ : first_;
}

void HttpAccess::restore_secrets(void* request) {
  const bool returns = !removed_.empty() && have_same_origin(later_url(request), first_);
  if (returns) set_headers(request, removed_);
  removed_.clear();
}

void HttpAccess::set_fault(const std::string& fault) {
  fault_ = base_ == opened_ ? fault : "for '" + core::shown_url(base_) + "' " + fault;
}

/// FFmpeg reads a length of "*" as 0, and would treat every offset as past the end. Setting an end offset
/// avoids this. If a range ends before that offset, FFmpeg 9 (option "request_size") requests more data, and
/// does so endlessly if the file ends there. For these versions, the end of the range becomes the end offset.
void HttpAccess::note_range(void* request) {
  const auto range = head_.values("content-range");
  lacks_length_ = head_.status() == 206 && !range.empty() && core::trimmed(range.front()).ends_with("/*");
  if (!lacks_length_ || option_of(request, kEnd) != "0") return;
  const bool continues = av_opt_find(request, "request_size", nullptr, 0, AV_OPT_SEARCH_CHILDREN) != nullptr;
  const auto end = continues ? end_of_range(range.front()) : INT64_MAX;
  static_cast<void>(av_opt_set_int(request, kEnd, end, AV_OPT_SEARCH_CHILDREN));
}

void HttpAccess::fail_body() {
  const auto codings = head_.values("content-encoding");
  set_fault("the server sends it with Content-Encoding '" +
            shown_words(codings.empty() ? "gzip" : codings.front()) +
            "', but its body cannot be decompressed that way; turn off compression for videos there");
  if (end_) end_();
}

void HttpAccess::on_refusal(void* request) {
  const auto challenges = head_.values("www-authenticate");
  const auto parts = parse_http_url(base_);
  const auto found = parts ? known_.find(parts->origin) : known_.end();
  const bool is_answered =
      found != known_.end() && found->second.accept_challenges(parse_challenges(challenges));
  if (is_answered) {
    may_try_again_ = true;
    warn_of_basic(found->second, challenges);
    return prepare(request, base_);
  }
  is_refused_ = true;
  const auto wanted = unanswerable(challenges);
  if (!wanted.empty()) {
    refusal_ = "the server requires " + shown_words(wanted) + ", which freshframe does not support";
  } else if (found == known_.end()) {
    refusal_ =
        "the URL contains no credentials for this server; write them as http://USER:PASSWORD@HOST/PATH";
  } else {
    refusal_ = "the server rejected the user or the password";
  }
  set_headers(request, without_authorization(option_of(request, kHeaders)));
}

void HttpAccess::warn_of_basic(Authorization& authorization,
                               const std::vector<std::string_view>& challenges) {
  const auto unknown = authorization.is_basic() ? unknown_digest(challenges) : std::string();
  if (unknown.empty() || std::exchange(warned_, true)) return;
  log(LogLevel::Warning,
      "the server of '" + core::shown_url(base_) + "' offers Digest with '" + shown_words(unknown) +
          "', which freshframe does not support, and Basic; the password is sent as Basic" +
          (base_.starts_with("https:") ? "" : ", which anyone on the network path can read"));
}

void HttpAccess::on_success(void* request) {
  if (known_.empty()) return;
  const auto parts = parse_http_url(base_);
  const auto found = parts ? known_.find(parts->origin) : known_.end();
  if (found != known_.end()) {
    found->second.note_accepted();
    const auto info = head_.values("authentication-info");
    if (auto nonce = info.empty() ? std::string() : next_nonce(info.front()); !nonce.empty())
      found->second.change_nonce(std::move(nonce));
  }
  prepare(request, later_url(request));
  // Otherwise FFmpeg would not report the headers of a later 401, for example for a stale nonce.
  static_cast<void>(av_opt_set_int(request, "auth_type", 0, AV_OPT_SEARCH_CHILDREN));
}

void HttpAccess::prepare(void* request, const std::string& url) {
  const auto before = option_of(request, kHeaders);
  const auto headers = without_authorization(before) + header_for(url);
  if (headers != before) set_headers(request, headers);
}

std::string HttpAccess::header_for(const std::string& url) {
  const auto parts = parse_http_url(url);
  const auto found = parts ? known_.find(parts->origin) : known_.end();
  const auto value = found != known_.end() ? found->second.header("GET", parts->path) : std::string();
  return value.empty() ? value : "Authorization: " + value + "\r\n";
}

}  // namespace freshframe::media
