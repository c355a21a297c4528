// An RTSP server for one client at a time, whose responses the test writes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace freshframe::media::rtsp::test {

/// A server that listens on 127.0.0.1 for its lifetime and answers requests with a script.
class ScriptedServer {
 public:
  /// Returns the response to a request. If it is empty, the connection is closed.
  using Script = std::function<std::string(const std::string& request)>;

  explicit ScriptedServer(Script script) : script_(std::move(script)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  ~ScriptedServer() {
    thread_.request_stop();
    thread_.join();
    ::close(listener_);
  }

  [[nodiscard]] int port() const noexcept { return port_; }
  [[nodiscard]] std::string url() const { return "rtsp://127.0.0.1:" + std::to_string(port_) + "/cam"; }
  [[nodiscard]] std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  /// "OPTIONS DESCRIBE ..."
  [[nodiscard]] std::string methods() const {
    std::string text;
    for (const auto& one : requests()) text += (text.empty() ? "" : " ") + one.substr(0, one.find(' '));
    return text;
  }

 private:
  void serve(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      pollfd listening{listener_, POLLIN, 0};
      if (::poll(&listening, 1, kTurn) <= 0) continue;
      const int client = ::accept(listener_, nullptr, nullptr);
      talk(client, stop);
      ::close(client);
    }
  }

  void talk(int client, const std::stop_token& stop) {
    std::string text;
    while (!stop.stop_requested()) {
      for (auto request = take_request(text); !request.empty(); request = take_request(text)) {
        {
          const std::lock_guard lock(mutex_);
          requests_.push_back(request);
        }
        if (request.starts_with("RTSP/")) continue;  // a response to the server's own request
        const auto answer = script_(request);
        if (answer.empty()) return;
        static_cast<void>(::send(client, answer.data(), answer.size(), MSG_NOSIGNAL));
      }
      pollfd readable{client, POLLIN, 0};
      if (::poll(&readable, 1, kTurn) <= 0) continue;
      std::array<char, 4096> bytes{};
      const auto got = ::recv(client, bytes.data(), bytes.size(), 0);
      if (got <= 0) return;
      text.append(bytes.data(), static_cast<std::size_t>(got));
    }
  }

  /// Removes the next request from `text` and returns it, or an empty string. Skips the client's packets.
  static std::string take_request(std::string& text) {
    while (text.size() >= 4 && text[0] == '$') {
      const auto size = 4 + (static_cast<unsigned char>(text[2]) << 8U | static_cast<unsigned char>(text[3]));
      if (text.size() < static_cast<std::size_t>(size)) return {};
      text.erase(0, static_cast<std::size_t>(size));
    }
    const auto end = text.find("\r\n\r\n");
    if (end == std::string::npos) return {};
    auto request = text.substr(0, end + 4);
    text.erase(0, end + 4);
    return request;
  }

  static constexpr int kTurn = 20;  // milliseconds

  const Script script_;
  const int listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int port_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;  // guarded by mutex_
  std::jthread thread_;
};

/// Returns a response to `request`. Each of the headers must end with a line break.
inline std::string answer_to(const std::string& request, std::string_view headers = {},
                             std::string_view body = {}, std::string_view status = "200 OK") {
  const auto begin = request.find("CSeq:");
  std::string text = "RTSP/1.0 " + std::string(status) + "\r\n";
  text += request.substr(begin, request.find("\r\n", begin) - begin) + "\r\n" + std::string(headers);
  if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return text + "\r\n" + std::string(body);
}

inline constexpr std::string_view kH264 =
    "v=0\r\nm=audio 0 RTP/AVP 0\r\na=control:a\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    "a=control:v\r\n";

/// Returns the response of a correct server.
inline std::string good_answer(const std::string& request) {
  if (request.starts_with("OPTIONS"))
    return answer_to(request, "Public: DESCRIBE, SETUP, PLAY, GET_PARAMETER\r\n");
  if (request.starts_with("DESCRIBE")) return answer_to(request, "Content-Type: application/sdp\r\n", kH264);
  if (request.starts_with("SETUP")) {
    return answer_to(request, "Session: 77;timeout=60\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n");
  }
  return answer_to(request, "Session: 77\r\n");
}

/// Returns an interleaved RTP packet that contains an H.264 slice.
inline std::string rtp_on(int channel, int sequence, bool marker = true) {
  std::string packet{'\x80', static_cast<char>(marker ? 0xE0 : 0x60), static_cast<char>(sequence >> 8),
                     static_cast<char>(sequence)};
  packet += std::string("\0\0\0\1\0\0\0\7\x65\x88", 10);
  return std::string{'$', static_cast<char>(channel), '\0', static_cast<char>(packet.size())} + packet;
}

}  // namespace freshframe::media::rtsp::test
