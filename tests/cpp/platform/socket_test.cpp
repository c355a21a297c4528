// Sockets: errors, peers that have disconnected, and addresses.
// SPDX-License-Identifier: Apache-2.0
#include "platform/socket.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "cpp/support.hpp"
#include "platform/wait.hpp"
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace freshframe::test {
namespace {

using platform::Address;
using platform::Awaited;
using platform::Socket;
using namespace std::chrono_literals;

/// A plain POSIX socket that listens on 127.0.0.1.
class Listener {
 public:
  Listener() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const plain = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(socket_, plain, size), 0);
    EXPECT_EQ(::listen(socket_, 8), 0);
    EXPECT_EQ(::getsockname(socket_, plain, &size), 0);
    port_ = ntohs(address.sin_port);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() { ::close(socket_); }

  [[nodiscard]] Address address() const { return *Address::numeric("127.0.0.1", port_); }
  [[nodiscard]] int accept() const { return ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC); }

 private:
  int socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int port_ = 0;
};

void wait_for(const Socket& socket, bool to_write) {
  std::array one{Awaited{.descriptor = socket.number(), .to_read = !to_write, .to_write = to_write}};
  while (!platform::wait_for_any(one, 1h)) {
  }
}

/// Returns a connection to `listener`, and its other end.
std::pair<Socket, int> connected(const Listener& listener) {
  int error = 0;
  auto socket = Socket::connecting(listener.address(), error);
  EXPECT_EQ(error, 0);
  wait_for(socket, true);
  EXPECT_EQ(socket.connect_error(), 0);
  return {std::move(socket), listener.accept()};
}

std::vector<std::uint8_t> bytes_of(const std::string& text) {
  return {text.begin(), text.end()};
}

TEST(Socket, CarriesBytesBothWaysWithoutWaiting) {
  const Listener listener;
  const auto [socket, other] = connected(listener);
  EXPECT_EQ(socket.peer().port(), listener.address().port());
  EXPECT_GT(socket.port(), 0);
  std::array<std::uint8_t, 16> into{};
  const auto early = socket.receive(into);
  EXPECT_TRUE(early.would_block);
  EXPECT_EQ(early.error, 0);
  EXPECT_EQ(socket.send(bytes_of("ping")).bytes, 4U);
  EXPECT_EQ(::read(other, into.data(), into.size()), 4);
  EXPECT_EQ(::write(other, "pong!", 5), 5);
  wait_for(socket, false);
  EXPECT_EQ(socket.receive(into).bytes, 5U);
  ::close(other);
}

TEST(Socket, DistinguishesAFullBufferFromAnError) {
  const Listener listener;
  const auto [socket, other] = connected(listener);
  const std::vector<std::uint8_t> much(1U << 20U);
  auto sent = socket.send(much);
  while (!sent.would_block) {
    ASSERT_EQ(sent.error, 0);
    sent = socket.send(much);
  }
  EXPECT_EQ(sent.bytes, 0U);
  ::close(other);
}

TEST(Socket, DistinguishesACloseFromAReset) {
  const Listener listener;
  {
    const auto [socket, other] = connected(listener);
    EXPECT_FALSE(platform::has_hung_up(socket.number()));
    EXPECT_EQ(::write(other, "last", 4), 4);
    ::close(other);
    wait_for(socket, false);
    wait_until([&] { return platform::has_hung_up(socket.number()); });  // even with unread bytes
    std::array<std::uint8_t, 16> into{};
    EXPECT_EQ(socket.receive(into).bytes, 4U);
    const auto end = socket.receive(into);
    EXPECT_EQ(end.bytes, 0U);
    EXPECT_EQ(end.error, 0);
    EXPECT_FALSE(end.would_block);
  }
  const auto [socket, other] = connected(listener);
  const linger reset{.l_onoff = 1, .l_linger = 0};
  ASSERT_EQ(::setsockopt(other, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
  ::close(other);
  wait_for(socket, false);
  std::array<std::uint8_t, 16> into{};
  EXPECT_EQ(socket.receive(into).error, ECONNRESET);
  EXPECT_EQ(socket.send(bytes_of("late")).error, EPIPE);  // must not raise SIGPIPE
}

TEST(Socket, ReportsARefusedConnection) {
  Address closed;
  {
    const Listener listener;
    closed = listener.address();
  }
  int error = 0;
  const auto socket = Socket::connecting(closed, error);
  if (socket.is_open()) {
    wait_for(socket, true);
    error = socket.connect_error();
  }
  EXPECT_EQ(error, ECONNREFUSED);
}

TEST(Socket, OfDatagramsReportsATakenPort) {
  const auto own = *Address::numeric("127.0.0.1", 0);
  int error = 0;
  const auto first = Socket::datagrams(own, error);
  ASSERT_TRUE(first.is_open());
  const auto second = Socket::datagrams(own.with_port(first.port()), error);
  EXPECT_FALSE(second.is_open());
  EXPECT_EQ(error, EADDRINUSE);
}

TEST(Socket, OfDatagramsNamesTheSender) {
  const auto own = *Address::numeric("127.0.0.1", 0);
  int error = 0;
  const auto one = Socket::datagrams(own, error);
  const auto two = Socket::datagrams(own, error);
  one.ask_for_room(1 << 16);
  Address from;
  std::array<std::uint8_t, 16> into{};
  EXPECT_TRUE(one.receive_from(into, from).would_block);
  EXPECT_EQ(two.send_to(bytes_of("hello"), own.with_port(one.port())).bytes, 5U);
  wait_for(one, false);
  EXPECT_EQ(one.receive_from(into, from).bytes, 5U);
  EXPECT_EQ(from.port(), two.port());
  EXPECT_TRUE(from.is_same_host(own));
}

TEST(Socket, IsClosedOnceAndInheritedByNoProgram) {
  const Listener listener;
  int number = -1;
  {
    auto [socket, other] = connected(listener);
    ::close(other);
    number = socket.number();
    EXPECT_NE(::fcntl(number, F_GETFD) & FD_CLOEXEC, 0);
    const Socket owner(std::move(socket));
    EXPECT_GE(::fcntl(number, F_GETFD), 0);
  }
  EXPECT_LT(::fcntl(number, F_GETFD), 0);
  EXPECT_EQ(errno, EBADF);
}

TEST(Socket, OfAnotherOwnerIsKeptFromProgramsAndClosed) {
  const int number = ::socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_EQ(::fcntl(number, F_GETFD) & FD_CLOEXEC, 0);
  platform::keep_from_programs(number);
  EXPECT_NE(::fcntl(number, F_GETFD) & FD_CLOEXEC, 0);
  platform::close_socket(number);
  EXPECT_LT(::fcntl(number, F_GETFD), 0);
}

TEST(Address, IsReadFromNumbersAlone) {
  struct Row {
    std::string text;
    std::optional<bool> is_v6;  // nullopt if the string is not an address
  };
  for (const auto& [text, is_v6] : {Row{"192.0.2.1", false}, Row{"2001:db8::1", true}, Row{"::1", true},
                                    Row{"localhost", {}}, Row{"", {}}, Row{"192.0.2.256", {}}}) {
    SCOPED_TRACE(text);
    const auto address = Address::numeric(text, 554);
    EXPECT_EQ(address.has_value(), is_v6.has_value());
    if (!address || !is_v6) continue;
    EXPECT_EQ(address->is_v6(), *is_v6);
    EXPECT_EQ(address->port(), 554);
    EXPECT_EQ(address->with_port(80).port(), 80);
    EXPECT_EQ(address->any(8).port(), 8);
    EXPECT_EQ(address->any(8).is_v6(), *is_v6);
  }
}

TEST(Address, ComparesHostsWithoutTheirPorts) {
  for (const auto& [one, other] : {std::pair{"192.0.2.1", "192.0.2.2"}, std::pair{"::1", "::2"}}) {
    const auto address = *Address::numeric(one, 1);
    EXPECT_TRUE(address.is_same_host(address.with_port(2)));
    EXPECT_FALSE(address.is_same_host(*Address::numeric(other, 1)));
    EXPECT_FALSE(address.is_same_host(address.any(1)));
    EXPECT_TRUE(address.find_named(other)->is_same_host(*Address::numeric(other, 9)));
    EXPECT_EQ(address.find_named(other)->port(), 1);
    EXPECT_FALSE(address.find_named("a name"));
  }
  EXPECT_FALSE(Address::numeric("::1", 1)->is_same_host(*Address::numeric("127.0.0.1", 1)));
  EXPECT_FALSE(Address::numeric("::1", 1)->find_named("127.0.0.1"));
}

TEST(Lookup, FindsAddressesOrReportsWhyNot) {
  EXPECT_EQ(platform::look_up_host("127.0.0.1").addresses, std::vector<std::string>{"127.0.0.1"});
  const auto none = platform::look_up_host("no host has a space");
  EXPECT_TRUE(none.addresses.empty());
  EXPECT_FALSE(none.error.empty());
}

}  // namespace
}  // namespace freshframe::test
