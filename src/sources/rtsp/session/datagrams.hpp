// The two UDP sockets of a stream: its packets and its reports (RFC 3550, section 11).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "platform/socket.hpp"

namespace freshframe::media::rtsp {

/// One thread. Takes datagrams from the server's address, or from the address that it has named, from any port.
class Datagrams {
 public:
  /// `peer`: the server's address. `buffer_size`: bytes that the kernel keeps for us. Throws Fault.
  Datagrams(const platform::Address& peer, int buffer_size);

  [[nodiscard]] int port() const noexcept { return port_; }  // of the packets; the reports have the next one
  /// The server's answer to SETUP. 0: it names no port.
  void set_server(const std::string& source, int port, int control_port);
  [[nodiscard]] const platform::Socket& packets() const noexcept { return packets_; }
  [[nodiscard]] const platform::Socket& reports() const noexcept { return reports_; }

  /// Returns the next datagram that waits at one of the two, valid until the next call, or nullopt if none does.
  [[nodiscard]] std::optional<std::span<const std::uint8_t>> receive(const platform::Socket& socket);
  /// An empty packet and a report open the way back through firewalls.
  void open_way(std::span<const std::uint8_t> report);
  void send_report(std::span<const std::uint8_t> report);

 private:
  static void send(const platform::Address& address, const platform::Socket& socket, int port,
                   std::span<const std::uint8_t> bytes);
  [[nodiscard]] bool is_from_server(const platform::Address& from) const;

  const platform::Address peer_;
  platform::Address server_;  // the peer, or what the server has named as the source of its packets
  int server_port_ = 0;
  int server_control_port_ = 0;
  platform::Socket packets_;
  platform::Socket reports_;
  int port_ = 0;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace freshframe::media::rtsp
