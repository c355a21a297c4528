// A TCP server on loopback that sends bytes to each client and then follows the test's script.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cpp/media/files.hpp"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace freshframe::test {

class ByteServer {
 public:
  enum class Then { Close, Hold };

  explicit ByteServer(Bytes bytes, Then then = Then::Close) : bytes_(std::move(bytes)), then_(then) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (listener_ < 0 || ::bind(listener_, generic, size) != 0 || ::listen(listener_, 64) != 0 ||
        ::getsockname(listener_, generic, &size) != 0) {
      throw std::runtime_error("cannot listen on loopback");
    }
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ByteServer(const ByteServer&) = delete;
  ByteServer& operator=(const ByteServer&) = delete;
  ~ByteServer() {
    ended_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    {
      const std::lock_guard lock(mutex_);
      for (const int connection : connections_) ::shutdown(connection, SHUT_RDWR);
    }
    for (auto& thread : threads_) thread.join();
    for (const int connection : connections_) ::close(connection);
    ::close(listener_);
  }

  [[nodiscard]] std::string url() const { return "tcp://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] int accepted() const { return accepted_; }

 private:
  void accept_all() {
    for (;;) {
      const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection < 0 || ended_) {
        if (connection >= 0) ::close(connection);
        return;
      }
      const std::lock_guard lock(mutex_);
      connections_.push_back(connection);
      ++accepted_;
      threads_.emplace_back([this, connection] { serve(connection); });
    }
  }

  void serve(int connection) {
    for (std::size_t sent = 0; sent < bytes_.size();) {
      const auto more = ::send(connection, bytes_.data() + sent, bytes_.size() - sent, MSG_NOSIGNAL);
      if (more <= 0) return;
      sent += static_cast<std::size_t>(more);
    }
    if (then_ == Then::Close) ::shutdown(connection, SHUT_WR);
  }

  const Bytes bytes_;
  const Then then_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> ended_{false};
  std::atomic<int> accepted_{0};
  std::mutex mutex_;
  std::vector<int> connections_;      // guarded by mutex_; closed at the end
  std::vector<std::thread> threads_;  // guarded by mutex_ while the acceptor runs
  std::thread acceptor_;
};

}  // namespace freshframe::test
