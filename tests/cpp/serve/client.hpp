// Clients on real sockets on loopback: raw HTTP, a dashboard, and a page that watches a port.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/serve.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "serve/desk/net.hpp"
#include <boost/asio/read.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>

namespace freshframe::test {

namespace net = boost::asio;
using serve::ErrorCode;

inline net::ip::tcp::endpoint endpoint_of(const Server& server) {
  const auto& url = server.url();
  const auto at = url.rfind(':');
  return {net::ip::address_v4::loopback(), static_cast<std::uint16_t>(std::stoi(url.substr(at + 1)))};
}

inline std::string host_of(const Server& server) {
  return "127.0.0.1:" + std::to_string(endpoint_of(server).port());
}

class RawClient {
 public:
  explicit RawClient(const Server& server) { socket_.connect(endpoint_of(server)); }

  void send(std::string_view text) {
    ErrorCode ignored;  // the server may already have closed the connection; read_all() shows that
    net::write(socket_, net::buffer(text.data(), text.size()), ignored);
  }
  /// Reads until the server closes the connection.
  std::string read_all() {
    std::string text;
    ErrorCode error;
    net::read(socket_, net::dynamic_buffer(text), error);
    return text;
  }
  net::ip::tcp::socket& socket() { return socket_; }

 private:
  net::io_context io_;
  net::ip::tcp::socket socket_{io_};
};

/// Sends a request with the right Host on a new connection, and returns the whole response.
inline std::string ask(const Server& server, const std::string& target, const std::string& headers = {}) {
  RawClient client(server);
  client.send("GET " + target + " HTTP/1.1\r\nHost: " + host_of(server) + "\r\nConnection: close\r\n" +
              headers + "\r\n");
  return client.read_all();
}

inline std::string body_of(const std::string& answer) {
  const auto at = answer.find("\r\n\r\n");
  return at == std::string::npos ? std::string() : answer.substr(at + 4);
}

class WebSocketClient {
 public:
  WebSocketClient(const Server& server, const std::string& path) {
    socket_.next_layer().connect(endpoint_of(server));
    socket_.handshake(host_of(server), path);
    socket_.text(true);
  }

  void send(const std::string& text) { socket_.write(net::buffer(text)); }
  /// Returns whether the next message is binary, and its content.
  std::pair<bool, std::string> receive() {
    boost::beast::flat_buffer buffer;
    socket_.read(buffer);
    return {socket_.got_binary(), boost::beast::buffers_to_string(buffer.data())};
  }
  /// Waits for the server to close the connection. Returns its close code, or 0 if the connection was cut.
  unsigned close_code() {
    while (true) {
      boost::beast::flat_buffer buffer;
      ErrorCode error;
      socket_.read(buffer, error);
      if (error) return error == boost::beast::websocket::error::closed ? socket_.reason().code : 0U;
    }
  }
  boost::beast::websocket::stream<net::ip::tcp::socket>& socket() { return socket_; }

 private:
  net::io_context io_;
  boost::beast::websocket::stream<net::ip::tcp::socket> socket_{io_};
};

/// A dashboard.
class LiveClient : public WebSocketClient {
 public:
  explicit LiveClient(const Server& server) : WebSocketClient(server, "/api/live") {}

  /// Waits for the next state and acknowledges it.
  std::string next_state() {
    while (true) {
      auto text = receive().second;
      if (!text.starts_with(R"({"type":"state")")) continue;
      send(R"({"ack":"state"})");
      return text;
    }
  }
};

/// A page that watches one port as JPEG.
class JpegClient : public WebSocketClient {
 public:
  JpegClient(const Server& server, const std::string& port) : WebSocketClient(server, "/api/video") {
    send(R"({"watch":[{"id":0,"mode":"jpeg","port":")" + port + R"("}]})");
  }

  /// Waits for the next image and acknowledges it. Returns its `pts` and the JPEG.
  std::pair<double, std::string> next_picture() {
    constexpr char kJpeg = 4;
    constexpr std::size_t kPts = 16;
    constexpr std::size_t kHead = 32;
    while (true) {
      const auto [binary, message] = receive();
      if (!binary || message.at(0) != kJpeg) continue;
      double pts = 0;
      std::memcpy(&pts, message.data() + kPts, sizeof pts);
      send(R"({"ack":{"0":)" + std::to_string(pts) + "}}");
      return {pts, message.substr(kHead)};
    }
  }
};

}  // namespace freshframe::test
