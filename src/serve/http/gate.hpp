// The permission of requests: the token, and the accepted Host and Origin (against DNS rebinding).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace freshframe::serve {

/// The parts of a request on which the permission depends; views into the caller's memory.
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

enum class Verdict : std::uint8_t { Welcome, WrongHost, WrongOrigin, NoToken };

/// `text` in the alphabet that needs no escaping in URLs, cookies and headers.
[[nodiscard]] bool is_plain_token(std::string_view text) noexcept;
/// 192 random bits from the kernel. Throws Error when that fails.
[[nodiscard]] std::string make_token();
/// Compares in a time that does not depend on the position of the first difference.
[[nodiscard]] bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept;

/// Pages that may use the server beside its own: "https://my.site"; "*" opens live video to all pages.
struct PageOrigins {
  std::vector<std::string> listed = {};
  [[nodiscard]] bool has(std::string_view origin) const;
  /// Whether a page at this Host is one of them: behind a proxy, the server gets its name.
  [[nodiscard]] bool has_host(std::string_view host) const;
  [[nodiscard]] bool has_all() const { return has("*"); }
};

class Gate {
 public:
  /// `loopback`: only this machine can reach the server. `machine`: its name, which is then also accepted as
  /// Host. With an empty token all requests are permitted.
  /// `pictures`: the token for pictures alone; empty means that no such token exists.
  Gate(std::string token, bool loopback, const std::string& machine, unsigned port,
       std::string pictures = {});
  void admit(PageOrigins origins) { origins_ = std::move(origins); }

  /// `is_video`: the request is for live video.
  [[nodiscard]] Verdict judge(const RequestHead& head, bool is_video = false) const;
  [[nodiscard]] bool is_token(std::string_view text) const noexcept;
  /// Whether it permits pictures, and nothing else. It is in URLs, which end up in logs.
  [[nodiscard]] bool is_picture_token(std::string_view text) const noexcept {
    return !pictures_.empty() && equal_in_constant_time(text, pictures_);
  }
  [[nodiscard]] bool wants_token() const noexcept { return !token_.empty(); }
  /// Cookies are shared by all ports of a machine, so the name contains the port.
  [[nodiscard]] const std::string& cookie_name() const noexcept { return cookie_name_; }
  [[nodiscard]] const std::string& token() const noexcept { return token_; }

 private:
  [[nodiscard]] bool is_our_host(std::string_view host) const;
  /// A program's header. No page of an attacker has it, whatever the name of its host.
  [[nodiscard]] bool has_bearer(const RequestHead& head) const;
  [[nodiscard]] bool has_cookie(const RequestHead& head) const;

  std::string token_;
  std::string pictures_;
  bool loopback_;
  std::string machine_;
  std::string cookie_name_;
  PageOrigins origins_;
};

/// Whether a page of this machine, whatever its port, contains the picture that is asked for. Pages cannot change
/// the Referer, except to none. A picture that a stylesheet loads has the stylesheet's address there.
[[nodiscard]] bool is_page_of_this_machine(std::string_view referer);
/// "https://my.site", with a port or without, or "*".
[[nodiscard]] bool is_origin(std::string_view text);

}  // namespace freshframe::serve
