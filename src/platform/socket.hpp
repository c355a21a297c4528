// Sockets: connections and datagrams that never wait, and the addresses of their ends.
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

/// The number of a socket in this process.
using SocketNumber = int;

/// An IPv4 or IPv6 address with a port.
class Address {
 public:
  /// Returns the address of a numeric text such as "192.0.2.1", "2001:db8::1" or "fe80::1%eth0", or nullopt if the text
  /// is a name or nothing at all.
  [[nodiscard]] static std::optional<Address> numeric(const std::string& text, int port);

  [[nodiscard]] bool is_v6() const noexcept;
  /// Returns 0 if the end has no port yet.
  [[nodiscard]] int port() const noexcept;
  [[nodiscard]] Address with_port(int port) const noexcept;
  /// Returns the address of the same family that means all own addresses.
  [[nodiscard]] Address any(int port) const noexcept;
  /// Returns the address that `text` names in the same family, with this port, or nullopt if it names none.
  [[nodiscard]] std::optional<Address> find_named(const std::string& text) const;
  /// Compares without ports, scopes and flow labels.
  [[nodiscard]] bool is_same_host(const Address& other) const noexcept;

 private:
  friend class Socket;

  alignas(8) std::array<std::byte, 128> bytes_{};  // the system's structure
};

/// How far a call came. Errors are numbers of <cerrno>.
struct Outcome {
  std::size_t bytes = 0;     // moved
  int error = 0;             // 0: no error
  bool would_block = false;  // nothing was there, or no room: wait for the socket
};

/// A socket, which it closes. No call waits, and no program that is started inherits it. One thread.
class Socket {
 public:
  Socket() = default;
  Socket(Socket&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Socket();

  /// Begins a connection of TCP without delays of small packets. It has ended once the socket can be written to. Returns
  /// a closed socket, with the error in `error`, if it failed at once.
  [[nodiscard]] static Socket connecting(const Address& to, int& error);
  /// Returns a socket for datagrams at `own`, or a closed one, with the error in `error`.
  [[nodiscard]] static Socket datagrams(const Address& own, int& error);

  [[nodiscard]] bool is_open() const noexcept { return number_ >= 0; }
  [[nodiscard]] SocketNumber number() const noexcept { return number_; }
  /// Returns the error of the connection that has begun, or 0 if it was made. Once: the system forgets it.
  [[nodiscard]] int connect_error() const noexcept;
  /// Returns the other end, or an address without a port if there is no connection.
  [[nodiscard]] Address peer() const noexcept;
  /// Returns the port of this end, or 0 if it is not bound.
  [[nodiscard]] int port() const noexcept;
  /// Asks for room for received bytes. The system gives less if its limit (net.core.rmem_max) is lower.
  void ask_for_room(int size_bytes) const noexcept;

  /// Receives once. No bytes and no error: the other end has closed the connection. A signal counts as would_block.
  [[nodiscard]] Outcome receive(std::span<std::uint8_t> into) const noexcept;
  /// Sends what there is room for. A connection that is broken is an error (EPIPE), no signal.
  [[nodiscard]] Outcome send(std::span<const std::uint8_t> bytes) const noexcept;
  /// Receives one datagram, and its sender into `from`. An error may be a report about an earlier datagram.
  [[nodiscard]] Outcome receive_from(std::span<std::uint8_t> into, Address& from) const noexcept;
  /// Sends one datagram.
  [[nodiscard]] Outcome send_to(std::span<const std::uint8_t> bytes, const Address& to) const noexcept;

 private:
  explicit Socket(SocketNumber number) noexcept : number_(number) {}

  SocketNumber number_ = -1;
};

/// The addresses of a host, numeric, the best first, or `error` with the reason.
struct HostAnswer {
  std::vector<std::string> addresses;
  std::string error;
};

/// Returns whether a text is an address, such as "192.0.2.1" or "2001:db8::1": there is nothing to look up.
[[nodiscard]] bool is_address(const std::string& text) noexcept;
/// Asks the system for a host: /etc/hosts, mDNS and DNS, as /etc/nsswitch.conf says. Waits for any time.
[[nodiscard]] HostAnswer look_up_host(const std::string& name);

// Sockets of other owners, such as Asio.

/// Returns the sockets of this process that are connected to this port of another end, in ascending order.
[[nodiscard]] std::vector<SocketNumber> sockets_to(int port);
/// Asks for room for bytes to be sent. The system gives less if its limit (net.core.wmem_max) is lower. Does nothing for a
/// number that is no socket.
void ask_for_sending_room(SocketNumber socket, int size_bytes) noexcept;
/// Keeps a socket from programs that are started from now on: they would keep its port.
void keep_from_programs(SocketNumber socket) noexcept;
/// Returns whether the other end has closed the connection, even if bytes from it are still unread. Does not wait.
[[nodiscard]] bool has_hung_up(SocketNumber socket) noexcept;
/// Closes a socket that no object owns, as in the child of a fork.
void close_socket(SocketNumber socket) noexcept;

}  // namespace freshframe::platform
