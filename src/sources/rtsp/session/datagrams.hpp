// Opens the UDP sockets of a stream, for RTP and RTCP (RFC 3550, section 11).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "platform/socket.hpp"

namespace freshframe::media::rtsp {

/// Accepts packets from the server's address or the one that it announced, from any port. Not thread-safe.
class Datagrams {
 public:
  /// `peer`: the server's address. `buffer_size`: bytes of the kernel's receive buffer. Throws Fault.
  Datagrams(const platform::Address& peer, int buffer_size);

  [[nodiscard]] int port() const noexcept { return port_; }  // the port of RTP; RTCP uses the next one
  /// Sets the server's address from the SETUP response. A port of 0 means that none was given.
  void set_server(const std::string& source, int port, int control_port);
  [[nodiscard]] const platform::Socket& packets() const noexcept { return packets_; }
  [[nodiscard]] const platform::Socket& reports() const noexcept { return reports_; }

  /// Returns the next packet waiting at one of the two sockets, valid until the next call, or nullopt.
  [[nodiscard]] std::optional<std::span<const std::uint8_t>> receive(const platform::Socket& socket);
  /// Sends an empty RTP packet and a report, so that firewalls let packets in.
  void open_way(std::span<const std::uint8_t> report);
  void send_report(std::span<const std::uint8_t> report);

 private:
  static void send(const platform::Address& address, const platform::Socket& socket, int port,
                   std::span<const std::uint8_t> bytes);
  [[nodiscard]] bool is_from_server(const platform::Address& from) const;

  const platform::Address peer_;
  platform::Address server_;  // the peer, or the packet source that the server announced
  int server_port_ = 0;
  int server_control_port_ = 0;
  platform::Socket packets_;
  platform::Socket reports_;
  int port_ = 0;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace freshframe::media::rtsp
