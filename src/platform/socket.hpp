// Non-blocking TCP and UDP sockets, and their addresses.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace freshframe::platform {

/// A socket descriptor.
using SocketNumber = int;

/// An IPv4 or IPv6 address with a port.
class Address {
 public:
  /// Parses a numeric address such as "192.0.2.1", "2001:db8::1" or "fe80::1%eth0". Returns nullopt for
  /// anything else, such as a host name.
  [[nodiscard]] static std::optional<Address> numeric(const std::string& text, int port);

  [[nodiscard]] bool is_v6() const noexcept;
  /// Returns 0 if no port is set.
  [[nodiscard]] int port() const noexcept;
  [[nodiscard]] Address with_port(int port) const noexcept;
  /// Returns the wildcard address of the same family.
  [[nodiscard]] Address any(int port) const noexcept;
  /// Returns the numeric address `text` of the same family, with this port, or nullopt if it is not one.
  [[nodiscard]] std::optional<Address> find_named(const std::string& text) const;
  /// Compares addresses without ports, scopes and flow labels.
  [[nodiscard]] bool is_same_host(const Address& other) const noexcept;

 private:
  friend class Socket;

  alignas(8) std::array<std::byte, 128> bytes_{};  // a sockaddr
};

/// Result of a call. Errors are errno values.
struct Outcome {
  std::size_t bytes = 0;     // transferred
  int error = 0;             // 0 for success
  bool would_block = false;  // no data or no room: wait for the socket
};

/// A socket; closed by the destructor. No call blocks, and child programs do not inherit it. Not thread-safe.
class Socket {
 public:
  Socket() = default;
  Socket(Socket&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Socket();

  /// Starts to connect, with TCP_NODELAY. The attempt has finished once the socket is writable. If it fails
  /// immediately, returns a closed socket with the error in `error`.
  [[nodiscard]] static Socket connecting(const Address& to, int& error);
  /// Returns a UDP socket bound to `own`, or a closed one with the error in `error`.
  [[nodiscard]] static Socket datagrams(const Address& own, int& error);

  [[nodiscard]] bool is_open() const noexcept { return number_ >= 0; }
  [[nodiscard]] SocketNumber number() const noexcept { return number_; }
  /// Returns the error of the connection attempt, or 0. Call only once, because the system then clears the
  /// error.
  [[nodiscard]] int connect_error() const noexcept;
  /// Returns the peer's address, or one without a port if not connected.
  [[nodiscard]] Address peer() const noexcept;
  /// Returns the local port, or 0 if not bound.
  [[nodiscard]] int port() const noexcept;
  /// Requests a receive buffer of this size. The system limits it (net.core.rmem_max).
  void ask_for_room(int size_bytes) const noexcept;

  /// Receives once. No bytes and no error: the peer has closed the connection. EINTR counts as would_block.
  [[nodiscard]] Outcome receive(std::span<std::uint8_t> into) const noexcept;
  /// Sends as much as fits in the buffer. A broken connection is an error (EPIPE), without SIGPIPE.
  [[nodiscard]] Outcome send(std::span<const std::uint8_t> bytes) const noexcept;
  /// Receives one datagram, and its sender in `from`. The error may belong to an earlier datagram.
  [[nodiscard]] Outcome receive_from(std::span<std::uint8_t> into, Address& from) const noexcept;
  /// Sends one datagram.
  [[nodiscard]] Outcome send_to(std::span<const std::uint8_t> bytes, const Address& to) const noexcept;

 private:
  explicit Socket(SocketNumber number) noexcept : number_(number) {}

  SocketNumber number_ = -1;
};

/// The numeric addresses of a host, best first, or `error` with the reason.
struct HostAnswer {
  std::vector<std::string> addresses;
  std::string error;
};

/// Returns true if a string is a numeric address, such as "192.0.2.1" or "2001:db8::1", which needs no
/// lookup.
[[nodiscard]] bool is_address(const std::string& text) noexcept;
/// Resolves a host name with the system's resolver (/etc/hosts, mDNS, DNS; see /etc/nsswitch.conf). May block
/// for any length of time.
[[nodiscard]] HostAnswer look_up_host(const std::string& name);

// For sockets owned by others, such as Asio.

/// Returns the sockets of this process connected to this remote port, ascending.
[[nodiscard]] std::vector<SocketNumber> sockets_to(int port);
/// Requests a send buffer of this size. The system limits it (net.core.wmem_max). Does nothing if it is not a
/// socket.
void ask_for_sending_room(SocketNumber socket, int size_bytes) noexcept;
/// Keeps programs started from now on from inheriting the socket, and so from keeping its port in use.
void keep_from_programs(SocketNumber socket) noexcept;
/// Returns true if the peer has closed the connection, even if there is still unread data. Does not block.
[[nodiscard]] bool has_hung_up(SocketNumber socket) noexcept;
/// Closes a socket that no object owns, for example in a forked child.
void close_socket(SocketNumber socket) noexcept;

}  // namespace freshframe::platform
