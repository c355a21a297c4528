// POSIX sockets.
// SPDX-License-Identifier: Apache-2.0
#include "platform/socket.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace freshframe::platform {
namespace {

static_assert(sizeof(Address) == sizeof(sockaddr_storage) && alignof(Address) == alignof(sockaddr_storage));

/// Reads an address as one of the system's structures.
template <class System>
System as(const Address& address) noexcept {
  System out{};
  std::memcpy(&out, &address, sizeof out);
  return out;
}

template <class System>
void assign(Address& address, const System& from) noexcept {
  std::memcpy(static_cast<void*>(&address), &from, sizeof from);
}

socklen_t get_size(const Address& address) noexcept {
  return address.is_v6() ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
}

/// Returns an address without a port if not connected.
Address read_peer(SocketNumber socket) noexcept {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  Address address;
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size) == 0) assign(address, peer);
  return address;
}

using Found = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

/// Returns null, with the error in `error`, if the lookup failed.
Found look_up(const char* host, const char* port, int flags, int& error) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_flags = flags;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  error = ::getaddrinfo(host, port, &hints, &found);
  return {error == 0 ? found : nullptr, &::freeaddrinfo};
}

Outcome make_outcome(ssize_t moved) noexcept {
  if (moved >= 0) return {.bytes = static_cast<std::size_t>(moved)};
  if (errno == EAGAIN || errno == EINTR) return {.would_block = true};
  return {.error = errno};
}

/// Retries after EINTR.
template <class Call>
Outcome whole(const Call& call) noexcept {
  ssize_t moved = 0;
  do {
    moved = call();
  } while (moved < 0 && errno == EINTR);
  return make_outcome(moved);
}

}  // namespace

std::optional<Address> Address::numeric(const std::string& text, int port) {
  int error = 0;
  const auto found =
      look_up(text.c_str(), std::to_string(port).c_str(), AI_NUMERICHOST | AI_NUMERICSERV, error);
  if (!found || found->ai_addrlen > sizeof(Address)) return std::nullopt;
  Address address;
  std::memcpy(address.bytes_.data(), found->ai_addr, found->ai_addrlen);
  return address;
}

bool Address::is_v6() const noexcept {
  return as<sockaddr_storage>(*this).ss_family == AF_INET6;
}

int Address::port() const noexcept {
  if (is_v6()) return ntohs(as<sockaddr_in6>(*this).sin6_port);
  const auto four = as<sockaddr_in>(*this);
  return four.sin_family == AF_INET ? ntohs(four.sin_port) : 0;
}

Address Address::with_port(int port) const noexcept {
  auto out = *this;
  const auto network = htons(static_cast<std::uint16_t>(port));
  if (is_v6()) {
    auto six = as<sockaddr_in6>(*this);
    six.sin6_port = network;
    assign(out, six);
  } else {
    auto four = as<sockaddr_in>(*this);
    four.sin_port = network;
    assign(out, four);
  }
  return out;
}

Address Address::any(int port) const noexcept {
  Address out;
  sockaddr_storage empty{};
  empty.ss_family = as<sockaddr_storage>(*this).ss_family;
  assign(out, empty);
  return out.with_port(port);
}

std::optional<Address> Address::find_named(const std::string& text) const {
  auto out = *this;
  if (is_v6()) {
    auto six = as<sockaddr_in6>(*this);
    if (::inet_pton(AF_INET6, text.c_str(), &six.sin6_addr) != 1) return std::nullopt;
    assign(out, six);
  } else {
    auto four = as<sockaddr_in>(*this);
    if (::inet_pton(AF_INET, text.c_str(), &four.sin_addr) != 1) return std::nullopt;
    assign(out, four);
  }
  return out;
}

bool Address::is_same_host(const Address& other) const noexcept {
  if (as<sockaddr_storage>(*this).ss_family != as<sockaddr_storage>(other).ss_family) return false;
  if (!is_v6()) return as<sockaddr_in>(*this).sin_addr.s_addr == as<sockaddr_in>(other).sin_addr.s_addr;
  const auto one = as<sockaddr_in6>(*this);
  const auto two = as<sockaddr_in6>(other);
  return std::memcmp(&one.sin6_addr, &two.sin6_addr, sizeof(in6_addr)) == 0;
}

Socket::~Socket() {
  if (number_ >= 0) ::close(number_);
}

Socket Socket::connecting(const Address& to, int& error) {
  Socket socket(::socket(to.is_v6() ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  error = errno;
  if (!socket.is_open()) return socket;
  const int one = 1;
  static_cast<void>(::setsockopt(socket.number_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one));
  error = 0;
  const auto* const address = reinterpret_cast<const sockaddr*>(to.bytes_.data());
  if (::connect(socket.number_, address, get_size(to)) == 0 || errno == EINPROGRESS) return socket;
  error = errno;
  return {};
}

Socket Socket::datagrams(const Address& own, int& error) {
  Socket socket(::socket(own.is_v6() ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  error = errno;
  if (!socket.is_open()) return socket;
  error = 0;
  const auto* const address = reinterpret_cast<const sockaddr*>(own.bytes_.data());
  if (::bind(socket.number_, address, get_size(own)) == 0) return socket;
  error = errno;
  return {};
}

int Socket::connect_error() const noexcept {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(number_, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

Address Socket::peer() const noexcept {
  return read_peer(number_);
}

int Socket::port() const noexcept {
  Address address;
  socklen_t size = sizeof address;
  if (::getsockname(number_, reinterpret_cast<sockaddr*>(address.bytes_.data()), &size) != 0) return 0;
  return address.port();
}

void Socket::ask_for_room(int size_bytes) const noexcept {
  static_cast<void>(::setsockopt(number_, SOL_SOCKET, SO_RCVBUF, &size_bytes, sizeof size_bytes));
}

Outcome Socket::receive(std::span<std::uint8_t> into) const noexcept {
  return make_outcome(::recv(number_, into.data(), into.size(), 0));
}

Outcome Socket::send(std::span<const std::uint8_t> bytes) const noexcept {
  return whole([&] { return ::send(number_, bytes.data(), bytes.size(), MSG_NOSIGNAL); });
}

Outcome Socket::receive_from(std::span<std::uint8_t> into, Address& from) const noexcept {
  return whole([&] {
    socklen_t size = sizeof from.bytes_;
    auto* const sender = reinterpret_cast<sockaddr*>(from.bytes_.data());
    return ::recvfrom(number_, into.data(), into.size(), 0, sender, &size);
  });
}

Outcome Socket::send_to(std::span<const std::uint8_t> bytes, const Address& to) const noexcept {
  const auto* const receiver = reinterpret_cast<const sockaddr*>(to.bytes_.data());
  return whole(
      [&] { return ::sendto(number_, bytes.data(), bytes.size(), MSG_NOSIGNAL, receiver, get_size(to)); });
}

bool is_address(const std::string& text) noexcept {
  std::array<unsigned char, sizeof(in6_addr)> buffer{};
  if (::inet_pton(AF_INET, text.c_str(), buffer.data()) == 1) return true;
  const auto bare = std::string_view(text).substr(0, text.find('%'));  // fe80::1%eth0
  std::array<char, INET6_ADDRSTRLEN> six{};
  if (bare.size() >= six.size()) return false;
  std::ranges::copy(bare, six.begin());
  return ::inet_pton(AF_INET6, six.data(), buffer.data()) == 1;
}

HostAnswer look_up_host(const std::string& name) {
  HostAnswer answer;
  int error = 0;
  const auto found = look_up(name.c_str(), nullptr, 0, error);
  if (!found) {
    answer.error = ::gai_strerror(error);
    return answer;
  }
  for (const addrinfo* entry = found.get(); entry != nullptr; entry = entry->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (::getnameinfo(entry->ai_addr, entry->ai_addrlen, text.data(), text.size(), nullptr, 0,
                      NI_NUMERICHOST) == 0) {
      answer.addresses.emplace_back(text.data());
    }
  }
  if (answer.addresses.empty()) answer.error = "it has no address";
  return answer;
}

std::vector<SocketNumber> sockets_to(int port) {
  std::vector<SocketNumber> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    const auto name = entry.path().filename().string();
    SocketNumber number = -1;
    std::from_chars(name.data(), name.data() + name.size(), number);
    if (number >= 0 && port != 0 && read_peer(number).port() == port) found.push_back(number);
  }
  std::ranges::sort(found);
  return found;
}

void ask_for_sending_room(SocketNumber socket, int size_bytes) noexcept {
  static_cast<void>(::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &size_bytes, sizeof size_bytes));
}

void keep_from_programs(SocketNumber socket) noexcept {
  static_cast<void>(::fcntl(socket, F_SETFD, FD_CLOEXEC));
}

bool has_hung_up(SocketNumber socket) noexcept {
  pollfd peer{.fd = socket, .events = POLLRDHUP, .revents = 0};
  return ::poll(&peer, 1, 0) > 0;
}

void close_socket(SocketNumber socket) noexcept {
  ::close(socket);
}

}  // namespace freshframe::platform
