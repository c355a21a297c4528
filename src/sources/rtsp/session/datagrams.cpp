// Opens the UDP sockets of a stream, for RTP and RTCP (RFC 3550, section 11).
// SPDX-License-Identifier: Apache-2.0
#include "sources/rtsp/session/datagrams.hpp"

#include <array>
#include <cerrno>
#include <utility>

#include "sources/rtsp/protocol/message.hpp"

namespace freshframe::media::rtsp {
namespace {

using platform::Socket;

constexpr std::size_t kLargestDatagram = 65536;

/// Binds to this port, or to any if 0. Returns a closed socket if the port is taken.
Socket bind_socket(const platform::Address& peer, int port) {
  int error = 0;
  auto socket = Socket::datagrams(peer.any(port), error);
  if (error != 0 && error != EADDRINUSE) throw Fault(Trouble::Unreachable, errno_text(error), error);
  return socket;
}

}  // namespace

Datagrams::Datagrams(const platform::Address& peer, int buffer_size)
    : peer_(peer), server_(peer), buffer_(kLargestDatagram) {
  constexpr int kAttempts = 100;
  for (int i = 0; i < kAttempts && !reports_.is_open(); ++i) {
    auto first = bind_socket(peer, 0);
    if (!first.is_open()) continue;
    const int port = first.port();
    auto second = bind_socket(peer, port ^ 1);
    if (!second.is_open()) continue;
    // RFC 3550, section 11: RTP uses the even port.
    const bool even = port % 2 == 0;
    packets_ = std::move(even ? first : second);
    reports_ = std::move(even ? second : first);
    port_ = port & ~1;
  }
  if (!reports_.is_open()) throw Fault(Trouble::Unreachable, "no two UDP ports are free", EADDRINUSE);
  packets_.ask_for_room(buffer_size);
}

void Datagrams::set_server(const std::string& source, int port, int control_port) {
  server_port_ = port;
  server_control_port_ = control_port > 0 || port == 0 ? control_port : port + 1;
  const bool any = source == "0.0.0.0" || source == "::";
  if (!any) server_ = server_.find_named(source).value_or(server_);
}

/// Behind a NAT the server's own address may differ from the one that its packets arrive from.
bool Datagrams::is_from_server(const platform::Address& from) const {
  return from.is_same_host(server_) || from.is_same_host(peer_);
}

std::optional<std::span<const std::uint8_t>> Datagrams::receive(const Socket& socket) {
  constexpr int kMostLeftOut = 64;  // packets of other hosts, and ICMP errors for our own packets
  for (int i = 0; i < kMostLeftOut; ++i) {
    platform::Address from;
    const auto got = socket.receive_from(buffer_, from);
    if (got.would_block) return std::nullopt;
    if (got.error == 0 && is_from_server(from)) return std::span(buffer_).first(got.bytes);
  }
  return std::nullopt;
}

void Datagrams::open_way(std::span<const std::uint8_t> report) {
  const std::array<std::uint8_t, 12> empty{0x80};  // an RTP packet without a payload
  send(server_, packets_, server_port_, empty);
  if (!server_.is_same_host(peer_)) send(peer_, packets_, server_port_, empty);
  send_report(report);
}

void Datagrams::send_report(std::span<const std::uint8_t> report) {
  send(server_, reports_, server_control_port_, report);
}

/// Ignores errors: a packet that cannot be sent counts as lost on the way.
void Datagrams::send(const platform::Address& address, const Socket& socket, int port,
                     std::span<const std::uint8_t> bytes) {
  if (port != 0) static_cast<void>(socket.send_to(bytes, address.with_port(port)));
}

}  // namespace freshframe::media::rtsp
