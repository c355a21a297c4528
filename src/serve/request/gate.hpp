// Access control: the token, and the accepted Host and Origin headers (against DNS rebinding).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace freshframe::serve {

/// The parts of a request that access depends on. Views into the caller's memory.
struct RequestHead {
  std::string_view method = {};
  std::string_view target = {};
  std::string_view host = {};
  std::optional<std::string_view> origin = {};
  std::string_view referer = {};
  std::string_view authorization = {};
  std::string_view cookie = {};
  std::string_view if_none_match = {};
};

/// Close code of a WebSocket whose first message must be a token.
inline constexpr unsigned kWrongToken = 4401;

enum class Verdict : std::uint8_t { Welcome, WrongHost, WrongOrigin, NoToken };

/// Returns true if `text` needs no escaping in URLs, cookies and headers.
[[nodiscard]] bool is_plain_token(std::string_view text) noexcept;
/// Returns 192 random bits from the kernel as a string. Throws Error if that fails.
[[nodiscard]] std::string make_token();
/// Compares in constant time, so that response times do not reveal the first differing byte.
[[nodiscard]] bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept;

/// Other sites whose pages may use the server: "https://my.site"; "*" allows live video in all pages.
struct PageOrigins {
  std::vector<std::string> listed = {};
  [[nodiscard]] bool has(std::string_view origin) const;
  /// Returns true if this Host is one of them: behind a proxy, requests carry the public name.
  [[nodiscard]] bool has_host(std::string_view host) const;
  [[nodiscard]] bool has_all() const { return has("*"); }
};

class Gate {
 public:
  /// `loopback`: the server listens only on the loopback interface. `machine`: this machine's name, also
  /// accepted as Host. An empty `token` permits all requests. `pictures`: a token that gives access to images
  /// only; empty for none.
  Gate(std::string token, bool loopback, const std::string& machine, unsigned port,
       std::string pictures = {});
  void admit(PageOrigins origins) { origins_ = std::move(origins); }

  /// `is_video`: the request is for a WebSocket of video, which origins "*" opens to all pages because its
  /// token decides.
  [[nodiscard]] Verdict judge(const RequestHead& head, bool is_video = false) const;
  [[nodiscard]] bool is_token(std::string_view text) const noexcept;
  /// Returns true for the token that gives access to images only. It is part of URLs, which end up in logs.
  [[nodiscard]] bool is_picture_token(std::string_view text) const noexcept {
    return !pictures_.empty() && equal_in_constant_time(text, pictures_);
  }
  [[nodiscard]] bool wants_token() const noexcept { return !token_.empty(); }
  /// Contains the port, because browsers share cookies between all ports of a host.
  [[nodiscard]] const std::string& cookie_name() const noexcept { return cookie_name_; }
  [[nodiscard]] const std::string& token() const noexcept { return token_; }

 private:
  [[nodiscard]] bool is_our_host(std::string_view host) const;
  /// Returns true if the Authorization header has the token. A browser page of another site cannot send it,
  /// so Host does not matter then.
  [[nodiscard]] bool has_bearer(const RequestHead& head) const;
  [[nodiscard]] bool has_cookie(const RequestHead& head) const;

  std::string token_;
  std::string pictures_;
  bool loopback_;
  std::string machine_;
  std::string cookie_name_;
  PageOrigins origins_;
};

/// The tokens in the links of cameras. Each lets a page send video for one camera and view images.
/// Thread-safe. A node that replaces another of the same name keeps its token, so that links stay valid.
class CameraTokens {
 public:
  /// Returns the token of a camera, by the name of its node. Generates it on the first call.
  [[nodiscard]] std::string token_of(const std::string& camera) {
    const Lock lock(mutex_);
    auto& token = tokens_[camera];
    if (token.empty()) token = make_token();
    return token;
  }
  /// Returns the camera that has this token. Compares with every token, in constant time.
  [[nodiscard]] std::optional<std::string> find(std::string_view text) const {
    const Lock lock(mutex_);
    std::optional<std::string> found;
    for (const auto& [camera, token] : tokens_) {
      if (equal_in_constant_time(text, token)) found = camera;
    }
    return found;
  }

 private:
  mutable Mutex mutex_;
  std::map<std::string, std::string> tokens_ FRESHFRAME_GUARDED_BY(mutex_);
};

/// Returns true if the Referer is a page of this machine, on any port. A page can suppress its Referer but
/// not forge it. For an image in a stylesheet, the Referer is the stylesheet's URL.
[[nodiscard]] bool is_page_of_this_machine(std::string_view referer);
/// Returns true for "https://my.site" with an optional port, or "*".
[[nodiscard]] bool is_origin(std::string_view text);

}  // namespace freshframe::serve
