// A client over a real socket on loopback: raw HTTP, and a live viewer.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/serve.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "serve/http/net.hpp"
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
    ErrorCode ignored;  // the server may have closed already: the answer shows it
    net::write(socket_, net::buffer(text.data(), text.size()), ignored);
  }
  /// All bytes until the server closes the connection.
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

/// Sends one request on a connection of its own, with the right Host, and returns the whole answer.
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

class LiveClient {
 public:
  explicit LiveClient(const Server& server) {
    socket_.next_layer().connect(endpoint_of(server));
    socket_.handshake(host_of(server), "/api/live");
    socket_.text(true);
  }

  void send(const std::string& text) { socket_.write(net::buffer(text)); }
  /// The next message. A binary message is a picture.
  std::pair<bool, std::string> receive() {
    boost::beast::flat_buffer buffer;
    socket_.read(buffer);
    return {socket_.got_binary(), boost::beast::buffers_to_string(buffer.data())};
  }
  /// The next text message with this beginning. Skipped messages are acknowledged.
  std::string next(std::string_view beginning) {
    while (true) {
      auto [binary, text] = receive();
      acknowledge(binary, text);
      if (!binary && text.starts_with(beginning)) return text;
    }
  }
  std::string next_state() { return next(R"({"type":"state")"); }
  /// The next picture: its header and JPEG.
  std::pair<std::string, std::string> next_picture() {
    while (true) {
      auto [binary, text] = receive();
      acknowledge(binary, text);
      if (!binary) continue;
      std::size_t size = 0;
      for (int i = 0; i < 4; ++i)
        size = size * 256 + static_cast<unsigned char>(text[static_cast<std::size_t>(i)]);
      return {text.substr(4, size), text.substr(4 + size)};
    }
  }
  /// The code with which the server closed the connection.
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
  void acknowledge(bool binary, const std::string& text) {
    if (binary) send(R"({"ack":"picture"})");
    if (text.starts_with(R"({"type":"state")")) send(R"({"ack":"state"})");
  }

  net::io_context io_;
  boost::beast::websocket::stream<net::ip::tcp::socket> socket_{io_};
};

}  // namespace freshframe::test
