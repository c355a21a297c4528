// Maps request paths to responses.
// SPDX-License-Identifier: Apache-2.0
#include "serve/request/routes.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <system_error>
#include <utility>

#include "serve/request/look_question.hpp"
#include "serve/request/query.hpp"
#include "serve/request/web_files.hpp"
#include "serve/state/metrics_text.hpp"
#include "serve/state/state_json.hpp"

namespace freshframe::serve {
namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kHtml = "text/html; charset=utf-8";
constexpr std::string_view kVideoPath = "/api/video";
constexpr std::string_view kCameraPath = "/api/camera";
constexpr std::string_view kPicturePrefix = "/api/picture/";
constexpr std::string_view kPictureSuffix = ".jpg";
constexpr std::string_view kStreamSuffix = ".mjpg";

// The page for iframes: a single view.
constexpr std::string_view kFramedPage = "/view.html";
// The page that sends a camera, and its file.
constexpr std::string_view kSendingPage = "/camera";
constexpr std::string_view kSendingFile = "/camera.html";
// Images may be used by <img> in pages of other ports of this machine, and with a token in any page. Chromium
// treats two ports of an IP address as two sites, so such pages are identified by their Referer instead.
constexpr std::string_view kPagesOfThisMachine = "Cross-Origin-Resource-Policy: same-site\r\n";
constexpr std::string_view kAnyPage = "Cross-Origin-Resource-Policy: cross-origin\r\n";
constexpr std::string_view kAnyScript =
    "Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: X-Seq, X-Timestamp, X-Age\r\n";

constexpr std::string_view kLoginPage =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>freshframe</title>"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
    "<link rel=\"icon\" href=\"/favicon.svg\" type=\"image/svg+xml\"><link rel=\"stylesheet\" "
    "href=\"/base.css\">"
    "<main class=\"login\"><h1>freshframe</h1><form method=\"get\" action=\"/\">"
    "<label for=\"token\">Token</label><input id=\"token\" name=\"token\" type=\"password\" "
    "autocomplete=\"off\" required autofocus><button>Open</button></form>"
    "<p class=\"hint\">The program that serves this page shows the token in its URL.</p></main></html>";

constexpr std::string_view kAnyModule =
    "Cross-Origin-Resource-Policy: cross-origin\r\nAccess-Control-Allow-Origin: *\r\n";

// Files of the page that asks for the token. They are served without a token and contain no data.
constexpr std::array<std::string_view, 2> kForEverybody = {"/base.css", "/favicon.svg"};

Reply login(std::string_view path) {
  if (path != "/") {
    auto reply =
        plain(401, "a token is needed: send 'Authorization: Bearer TOKEN', or open /?token=TOKEN once");
    reply.headers = "WWW-Authenticate: Bearer\r\n";
    return reply;
  }
  return {.status = 401, .type = kHtml, .fixed = kLoginPage, .headers = "WWW-Authenticate: Bearer\r\n"};
}

Reply let_in(const Gate& gate) {
  return {.status = 303,
          .headers = "Location: /\r\nSet-Cookie: " + gate.cookie_name() + "=" + gate.token() +
                     "; Path=/; HttpOnly; SameSite=Strict\r\n"};
}

std::optional<Reply> file(std::string_view path, const RequestHead& head) {
  const auto files = web_files();
  const auto found = std::ranges::find(files, path, &WebFile::path);
  if (found == files.end()) return std::nullopt;
  const std::string headers = "ETag: " + std::string(found->etag) + "\r\nCache-Control: no-cache\r\n";
  if (head.if_none_match == "*" || head.if_none_match.find(found->etag) != std::string_view::npos) {
    return Reply{.status = 304, .type = found->type, .headers = headers};
  }
  return Reply{.type = found->type, .fixed = found->body, .headers = headers};
}

/// Returns true for the custom elements for other sites' pages and for the page that sends a camera. They
/// contain no data.
bool is_for_other_sites(std::string_view path) {
  constexpr std::array<std::string_view, 5> kFiles = {"/view.js", "/camera.js", "/dom.js", kFramedPage,
                                                      kSendingFile};
  return std::ranges::find(kFiles, path) != kFiles.end() || path.starts_with("/view/") ||
         path.starts_with("/camera/");
}

std::optional<Reply> element(std::string_view path, const RequestHead& head) {
  if (path == kSendingPage) path = kSendingFile;
  if (!is_for_other_sites(path)) return std::nullopt;
  auto found = file(path, head);
  if (!found) return std::nullopt;
  found->headers += kAnyModule;
  found->framed = path == kFramedPage;
  return found;
}

Reply health(StateSource& source) {
  const auto& seen = source.sample_now().snapshot();
  const auto health = judge_health(seen);
  auto text = health.reason;
  for (const auto& finding : seen.findings) {
    if (!finding.ill) text += "\n" + to_string(finding);
  }
  return plain(health.good ? 200 : 503, std::move(text));
}

std::optional<std::string> picture_port(std::string_view path, std::string_view suffix) {
  if (!path.starts_with(kPicturePrefix) || !path.ends_with(suffix)) return std::nullopt;
  path.remove_prefix(kPicturePrefix.size());
  if (path.size() < suffix.size()) return std::nullopt;
  path.remove_suffix(suffix.size());
  return strictly_decoded(path, false);
}

/// Parses the query of a stream. Returns an error message, or an empty string.
std::string read_wishes(std::string_view query, StreamWishes& wishes) {
  if (auto fault = find_query_fault(query, {"fps", "max_side", "token"}); !fault.empty()) return fault;
  double side = wishes.max_side;
  if (read_number(query, "fps", 1, StreamWishes::kMostPerSecond, wishes.fps) == Parameter::Unreadable)
    return "fps must be a number from 1 to 15";
  if (read_number(query, "max_side", 64, StreamWishes::kMostSide, side) == Parameter::Unreadable)
    return "max_side must be a number of pixels from 64 to 1920";
  wishes.max_side = static_cast<int>(side);
  return {};
}

/// Parses the query of a single image. Returns an error message, or an empty string.
std::string read_wish(std::string_view query, PictureWish& wish) {
  if (auto fault = find_query_fault(query, {"after", "token"}); !fault.empty()) return fault;
  const auto [is, text] = query_value(query, "after");
  if (is == Parameter::Absent) return {};
  std::int64_t after = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), after);
  if (is == Parameter::Unreadable || error != std::errc() || end != text.data() + text.size())
    return "after must be a whole number: the X-Seq of the last image that you received";
  wish.after = after;
  return {};
}

/// Once a port has ended, streams of it are refused with the reason. Its last image can still be fetched.
bool has_ended(StateSource& source) {
  return source.sample_now().snapshot().graph.phase >= core::LifePhase::Ended;
}

/// Returns nullopt if the path is not that of a look. Image tokens do not give access to looks.
std::optional<Routed> look(std::string_view path, std::string_view query, const StateSource& source) {
  auto wish = look_wish(path);
  if (!wish) return std::nullopt;
  if (auto fault = read_look(query, *wish); !fault.empty())
    return Routed{.reply = plain(400, std::move(fault))};
  if (const auto names = source.explain_missing_look(wish->name))
    return Routed{
        .reply = plain(
            404, "no look with this name is served; choose the looks with serve(look=[...]): " + *names)};
  return Routed{.to = Routed::To::Look, .look = *std::move(wish)};
}

/// Returns nullopt if the path is not that of an image or stream.
std::optional<Routed> picture(std::string_view path, std::string_view query, StateSource& source,
                              std::string_view pages = kPagesOfThisMachine) {
  Routed routed{.to = Routed::To::Picture, .reply = {.headers = std::string(pages)}};
  auto port = picture_port(path, kPictureSuffix);
  if (!port) {
    port = picture_port(path, kStreamSuffix);
    if (!port) return std::nullopt;
    routed.to = Routed::To::Stream;
  }
  const auto fault =
      routed.to == Routed::To::Stream ? read_wishes(query, routed.wishes) : read_wish(query, routed.wish);
  if (!fault.empty()) return Routed{.reply = plain(400, fault)};
  if (!source.has_port(*port)) {
    return Routed{
        .reply = plain(
            404,
            "no port with this name is served; choose the ports with serve(view=...); a removed node has "
            "none")};
  }
  if (routed.to == Routed::To::Stream && has_ended(source)) {
    auto reply = no_picture(source.sample_now().snapshot());
    reply.headers = std::move(routed.reply.headers);
    return Routed{.reply = std::move(reply)};
  }
  routed.port = *std::move(port);
  return routed;
}

/// The target if the request has a valid image token in its URL; nullopt if the token is missing or not an
/// image token, or if the path is not that of an image or stream.
std::optional<Routed> picture_by_token(std::string_view path, std::string_view query, const Gate& gate,
                                       StateSource& source) {
  const auto token = query_value(query, "token");
  if (token.is != Parameter::Read || !gate.is_picture_token(token.text)) return std::nullopt;
  auto routed = picture(path, query, source);
  if (!routed) return std::nullopt;
  routed->permitted = true;
  if (routed->to == Routed::To::Reply) return routed;
  routed->reply.headers = kAnyPage;
  // Lets scripts read the X-Seq header, which they send back as `after`.
  if (routed->to == Routed::To::Picture) routed->reply.headers += kAnyScript;
  return routed;
}

std::optional<Reply> document(std::string_view path, const StateSource& source) {
  const auto found = source.document(path);
  if (!found) return std::nullopt;
  Reply reply{.status = found->status, .type = found->type, .keep = found};
  reply.fixed = found->body;
  return reply;
}

/// Answers paths without parameters. Returns nullopt for any other path.
std::optional<Routed> plain_answer(std::string_view path, StateSource& source) {
  if (path == "/api/state")
    return Routed{.reply = {.type = kJson, .body = state_json(source.sample_now(), false)}};
  if (path == "/api/why")
    return Routed{.reply = {.type = kJson, .body = why_json(source.sample_now().why())}};
  if (path == "/api/live") return Routed{.to = Routed::To::Live};
  if (path == kVideoPath) return Routed{.to = Routed::To::Video};
  if (path == kCameraPath) return Routed{.to = Routed::To::Camera};
  if (path == "/metrics")
    return Routed{.reply = {.type = kMetricsType,
                            .body = metrics_text(source.sample_now().snapshot(), Viewers::Known)}};
  if (path == "/healthz") return Routed{.reply = health(source)};
  return std::nullopt;
}

Routed answer(std::string_view path, std::string_view query, const RequestHead& head, StateSource& source) {
  if (auto found = document(path, source)) return {.reply = *std::move(found)};
  if (auto found = plain_answer(path, source)) {
    if (auto fault = find_query_fault(query, {}); !fault.empty())
      return {.reply = plain(400, std::move(fault))};
    return *std::move(found);
  }
  const auto pages = is_page_of_this_machine(head.referer) ? kAnyPage : kPagesOfThisMachine;
  if (auto found = picture(path, query, source, pages)) return *std::move(found);
  if (auto found = look(path, query, source)) return *std::move(found);
  if (auto found = file(path, head)) return {.reply = *std::move(found)};
  return {.reply = plain(
              404, "there is nothing at this address; see /, /api/state, /api/why, /metrics, /healthz")};
}

/// The response to a page of another site. Only an image URL with a token works, because such a page cannot
/// guess the token.
Routed answer_strange_page(std::string_view path, std::string_view query, const Gate& gate,
                           StateSource& source) {
  if (gate.wants_token()) {
    if (auto found = picture_by_token(path, query, gate, source)) return *std::move(found);
  }
  return {
      .reply = plain(
          403, "pages of other sites may not use this server: add the page's origin to serve(origins=...)")};
}

/// The response to a client without the server's token. Its URL may contain an image token.
Routed answer_without_token(std::string_view path, std::string_view query, const RequestHead& head,
                            const Gate& gate, StateSource& source) {
  // Their first WebSocket message contains the token.
  if (path == kVideoPath) return {.to = Routed::To::Video};
  if (path == kCameraPath) return {.to = Routed::To::Camera};
  if (auto found = picture_by_token(path, query, gate, source)) return *std::move(found);
  if (path == "/") {
    const auto token = query_value(query, "token");
    if (token.is == Parameter::Read && gate.is_token(token.text)) return {.reply = let_in(gate)};
  }
  if (std::ranges::find(kForEverybody, path) != kForEverybody.end()) {
    if (auto found = file(path, head)) return {.reply = *std::move(found)};
  }
  return {.reply = login(path)};
}

std::string wrong_host(const Gate& gate) {
  std::string text =
      "this server answers to its address, to localhost, to its machine's name if other machines may "
      "connect, and to the host and port of each page in serve(origins=)";
  if (gate.wants_token()) text += ". A program that sends Authorization: Bearer TOKEN may use any name";
  return text;
}

}  // namespace

Reply no_picture(const Snapshot& seen) {
  const auto health = judge_health(seen);
  return plain(503, health.good ? "no image arrived within 2 s: no sample has reached this port in that time"
                                : "there is no image: " + health.reason);
}

Routed route(const RequestHead& head, const Gate& gate, StateSource& source) {
  const auto question = std::min(head.target.find('?'), head.target.size());
  const auto path = head.target.substr(0, question);
  const auto query = head.target.substr(std::min(question + 1, head.target.size()));
  if (!strictly_decoded(path, false))
    return {.reply = plain(
                400, "the path contains an invalid escape: % must be followed by two hexadecimal digits")};
  const auto verdict = gate.judge(head, path == kVideoPath || path == kCameraPath);
  if (verdict != Verdict::WrongHost) {
    if (auto found = element(path, head)) return {.reply = *std::move(found)};
  }
  switch (verdict) {
    case Verdict::WrongHost:
      return {.reply = plain(403, wrong_host(gate))};
    case Verdict::WrongOrigin:
      return answer_strange_page(path, query, gate, source);
    case Verdict::NoToken:
      return answer_without_token(path, query, head, gate, source);
    case Verdict::Welcome:
      break;
  }
  if (path == "/" && gate.wants_token() && has_parameter(query, "token")) return {.reply = let_in(gate)};
  if (auto found = picture_by_token(path, query, gate, source)) return *std::move(found);
  auto routed = answer(path, query, head, source);
  routed.permitted = true;
  return routed;
}

}  // namespace freshframe::serve
