// Bytes from a stranger against the dashboard's server: HTTP requests, the WebSocket's frames, the page's
// messages.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/pipeline.hpp"
#include "freshframe/serve.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/pipeline/pipeline_access.hpp"
#include "serve/http/page_message.hpp"
#include "serve/http/service.hpp"
#include "serve/video/video_message.hpp"
#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace freshframe;  // NOLINT(google-build-using-namespace)

constexpr std::string_view kToken = "0123456789abcdef";
constexpr std::string_view kLive = "/api/live";
constexpr std::string_view kVideo = "/api/video";
constexpr std::string_view kUpgrade =
    " HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";

class Silent final : public Source<int> {
 public:
  [[nodiscard]] bool live() const noexcept override { return true; }
  std::optional<SourceItem<int>> read(const Context& /*context*/) override { return std::nullopt; }
};

// A server without threads: its work is done between the bytes.
class Target {
 public:
  explicit Target(bool token)
      : service_(core(), {}, serve::Gate(token ? std::string(kToken) : std::string(), true, "box", 80)) {}

  void meet() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) != 0) __builtin_trap();
    client_ = ends[1];
    service_.welcome(
        serve::Socket(service_.io(), boost::asio::generic::stream_protocol(AF_UNIX, 0), ends[0]));
    work();
  }
  void say(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(client_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      work();
    }
  }
  std::string hear() {
    std::string all;
    std::array<char, 65536> some{};
    while (true) {
      const auto got = ::recv(client_, some.data(), some.size(), 0);
      if (got <= 0) return all;
      all.append(some.data(), static_cast<std::size_t>(got));
      work();
    }
  }
  void leave() {
    ::close(client_);
    work();
  }

 private:
  std::shared_ptr<core::PipelineCore> core() {
    pipeline_.add(std::make_unique<Silent>(), {.name = "<script>"});
    return core::PipelineAccess::core(pipeline_);
  }
  void work() {
    service_.io().restart();
    service_.io().poll();
  }

  Pipeline pipeline_;
  serve::Service service_;
  int client_ = -1;
};

void check_request(Target& target, std::string_view bytes, bool token) {
  target.meet();
  target.say(bytes);
  const auto answer = target.hear();
  if (!answer.empty() && !answer.starts_with("HTTP/1.1 ")) __builtin_trap();
  // Live video has the token in its first message, and the files of the element are for everybody.
  const auto names = [bytes](std::string_view text) { return bytes.find(text) != std::string_view::npos; };
  const bool told = names(kToken) || names(kVideo) || names("/view") || names("/dom.js");
  if (token && !told &&
      (answer.find("HTTP/1.1 200") != std::string::npos || answer.starts_with("HTTP/1.1 1"))) {
    __builtin_trap();  // in without the token
  }
  target.leave();
}

// One frame with a mask of zeros, so that the payload stands there as it is.
std::string frame_of(std::string_view payload) {
  std::string frame = "\x81";
  if (payload.size() < 126) {
    frame += static_cast<char>(0x80 | payload.size());
  } else {
    frame += '\xFE';
    frame += static_cast<char>(payload.size() >> 8);
    frame += static_cast<char>(payload.size() & 0xFF);
  }
  return frame + std::string(4, '\0') + std::string(payload);
}

void check_socket(Target& target, std::string_view path, std::string_view bytes, bool framed) {
  target.meet();
  target.say("GET " + std::string(path) + std::string(kUpgrade));
  if (!target.hear().starts_with("HTTP/1.1 101")) __builtin_trap();
  while (framed && !bytes.empty()) {
    const auto end = std::min(bytes.find('\n'), std::min<std::size_t>(bytes.size(), 60000));
    target.say(frame_of(bytes.substr(0, end)));
    (void)target.hear();
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  target.say(bytes);
  (void)target.hear();
  target.leave();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static auto* const open = new Target(false);
  static auto* const closed = new Target(true);
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] % 8) {
    case 0:
      check_request(*open, bytes, false);
      break;
    case 1:
      check_request(*closed, bytes, true);
      break;
    case 2:
      check_socket(*open, kLive, bytes, false);
      break;
    case 3:
      check_socket(*open, kLive, bytes, true);
      break;
    case 4:
      check_socket(*open, kVideo, bytes, true);
      break;
    case 5:
      check_socket(*closed, kVideo, bytes, true);
      break;
    case 6:
      (void)serve::parse_video_request(bytes);
      break;
    default:
      (void)serve::parse_page_message(bytes);
  }
  return 0;
}
