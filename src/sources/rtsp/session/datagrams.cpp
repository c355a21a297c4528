// The two UDP sockets of a stream: its packets and its reports (RFC 3550, section 11).
// SPDX-License-Identifier: Apache-2.0
#include "sources/rtsp/session/datagrams.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "sources/rtsp/protocol/message.hpp"
#include <arpa/inet.h>
#include <netinet/in.h>

namespace freshframe::media::rtsp {
namespace {

constexpr std::size_t kLargestDatagram = 65536;

sockaddr_in& as_v4(sockaddr_storage& address) {
  return reinterpret_cast<sockaddr_in&>(address);
}
sockaddr_in6& as_v6(sockaddr_storage& address) {
  return reinterpret_cast<sockaddr_in6&>(address);
}
const sockaddr_in& as_v4(const sockaddr_storage& address) {
  return reinterpret_cast<const sockaddr_in&>(address);
}
const sockaddr_in6& as_v6(const sockaddr_storage& address) {
  return reinterpret_cast<const sockaddr_in6&>(address);
}

socklen_t size_of(const sockaddr_storage& address) {
  return address.ss_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
}

sockaddr_storage with_port(sockaddr_storage address, int port) {
  const auto network = htons(static_cast<std::uint16_t>(port));
  (address.ss_family == AF_INET6 ? as_v6(address).sin6_port : as_v4(address).sin_port) = network;
  return address;
}

/// Any address of this machine.
sockaddr_storage any_address(int family, int port) {
  sockaddr_storage address{};
  address.ss_family = static_cast<sa_family_t>(family);
  return with_port(address, port);
}

/// Bound to this port, 0: to any; without a descriptor if the port is taken.
Socket bound(int family, int port) {
  Socket socket(::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket.descriptor() < 0) throw Fault(Trouble::Unreachable, errno_text(errno), errno);
  const auto address = any_address(family, port);
  const auto* plain = reinterpret_cast<const sockaddr*>(&address);
  if (::bind(socket.descriptor(), plain, size_of(address)) == 0) return socket;
  return Socket();
}

int port_of(int descriptor) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return ntohs(address.ss_family == AF_INET6 ? as_v6(address).sin6_port : as_v4(address).sin_port);
}

bool same_host(const sockaddr_storage& one, const sockaddr_storage& other) {
  if (one.ss_family != other.ss_family) return false;
  if (one.ss_family == AF_INET6) {
    return std::memcmp(&as_v6(one).sin6_addr, &as_v6(other).sin6_addr, sizeof(in6_addr)) == 0;
  }
  return as_v4(one).sin_addr.s_addr == as_v4(other).sin_addr.s_addr;
}

}  // namespace

Datagrams::Datagrams(const sockaddr_storage& peer, int buffer_size)
    : peer_(peer), server_(peer), buffer_(kLargestDatagram) {
  constexpr int kAttempts = 100;
  const int family = peer.ss_family;
  for (int i = 0; i < kAttempts && reports_.descriptor() < 0; ++i) {
    auto first = bound(family, 0);
    if (first.descriptor() < 0) continue;
    const int port = port_of(first.descriptor());
    auto second = bound(family, port ^ 1);
    if (second.descriptor() < 0) continue;
    // RFC 3550, section 11: packets have the even port.
    const bool even = port % 2 == 0;
    packets_ = std::move(even ? first : second);
    reports_ = std::move(even ? second : first);
    port_ = port & ~1;
  }
  if (reports_.descriptor() < 0) throw Fault(Trouble::Unreachable, "no two UDP ports are free", EADDRINUSE);
  // The kernel gives less if its limit, net.core.rmem_max, is lower.
  static_cast<void>(::setsockopt(packets(), SOL_SOCKET, SO_RCVBUF, &buffer_size, sizeof buffer_size));
}

void Datagrams::set_server(const std::string& source, int port, int control_port) {
  server_port_ = port;
  server_control_port_ = control_port > 0 || port == 0 ? control_port : port + 1;
  auto address = server_;
  void* place = server_.ss_family == AF_INET6 ? static_cast<void*>(&as_v6(address).sin6_addr)
                                              : static_cast<void*>(&as_v4(address).sin_addr);
  const bool any = source == "0.0.0.0" || source == "::";
  if (!any && !source.empty() && ::inet_pton(server_.ss_family, source.c_str(), place) == 1)
    server_ = address;
}

/// Across a NAT the server names an address that its packets do not have here.
bool Datagrams::is_from_server(const sockaddr_storage& from) const {
  return same_host(from, server_) || same_host(from, peer_);
}

std::optional<std::span<const std::uint8_t>> Datagrams::receive(int descriptor) {
  constexpr int kMostLeftOut = 64;  // of others, and errors: messages of ICMP to our own datagrams
  for (int i = 0; i < kMostLeftOut; ++i) {
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    const auto got =
        ::recvfrom(descriptor, buffer_.data(), buffer_.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (got < 0 && errno == EAGAIN) return std::nullopt;
    if (got >= 0 && is_from_server(from)) return std::span(buffer_).first(static_cast<std::size_t>(got));
  }
  return std::nullopt;
}

void Datagrams::open_way(std::span<const std::uint8_t> report) {
  const std::array<std::uint8_t, 12> empty{0x80};  // a packet of RTP without a payload
  send(server_, packets(), server_port_, empty);
  if (!same_host(server_, peer_)) send(peer_, packets(), server_port_, empty);
  send_report(report);
}

void Datagrams::send_report(std::span<const std::uint8_t> report) {
  send(server_, reports(), server_control_port_, report);
}

/// A datagram that cannot be sent is lost, as on the way.
void Datagrams::send(const sockaddr_storage& address, int descriptor, int port,
                     std::span<const std::uint8_t> bytes) const {
  if (port == 0) return;
  const auto to = with_port(address, port);
  static_cast<void>(::sendto(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL,
                             reinterpret_cast<const sockaddr*>(&to), size_of(to)));
}

}  // namespace freshframe::media::rtsp
