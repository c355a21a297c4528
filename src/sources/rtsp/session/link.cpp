// The TCP connection to an RTSP server: bytes, without waiting.
// SPDX-License-Identifier: Apache-2.0
#include "sources/rtsp/session/link.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <iterator>

#include "sources/rtsp/protocol/message.hpp"
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

namespace freshframe::media::rtsp {

// Waits for sockets, a stop, and the closing of the camera's gate, in one poll().

namespace {

using Nanos = std::chrono::nanoseconds;

constexpr Nanos kGateTurn = std::chrono::milliseconds(100);  // a gate has no descriptor
constexpr Nanos kLongestTurn = std::chrono::minutes(1);

/// Whether a descriptor is ready. Ends early at a signal. poll() itself would be up to 1 ms late.
bool poll_until(std::vector<pollfd>& sockets, TimePoint deadline, Nanos turn) {
  constexpr Nanos::rep kSecond = 1'000'000'000;
  const auto left = std::chrono::duration_cast<Nanos>(deadline - std::chrono::steady_clock::now());
  const auto time = std::clamp(left, Nanos{0}, turn).count();
  const timespec limit{.tv_sec = time / kSecond, .tv_nsec = time % kSecond};
  return ::ppoll(sockets.data(), sockets.size(), &limit, nullptr) > 0;
}

}  // namespace

bool Waiter::wait(std::vector<pollfd>& sockets, TimePoint deadline) {
  sockets.push_back({stopped_.descriptor(), POLLIN, 0});
  bool ready = false;
  do {
    ready = poll_until(sockets, deadline, gate_ ? kGateTurn : kLongestTurn);
    check();
  } while (!ready && std::chrono::steady_clock::now() < deadline);
  sockets.pop_back();
  return ready;
}

bool Waiter::wait_or_stop(std::vector<pollfd>& sockets, TimePoint deadline) const {
  sockets.push_back({stopped_.descriptor(), POLLIN, 0});
  bool ready = false;
  while (!ready && !is_over() && std::chrono::steady_clock::now() < deadline) {
    ready = poll_until(sockets, deadline, gate_ ? kGateTurn : kLongestTurn);
  }
  sockets.pop_back();
  return ready && !is_over();
}

bool Waiter::wait_anyway(std::vector<pollfd>& sockets, TimePoint deadline) {
  return poll_until(sockets, deadline, kLongestTurn);
}

void Waiter::check() const {
  if (stop_.stop_requested()) throw Fault(Trouble::Stopped, "stopped", ECANCELED);
  if (gate_ && !gate_->is_open()) throw Fault(Trouble::Stopped, "the gate is closed", ECANCELED);
}

namespace {

using Steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kNextAddress{
    250};  // RFC 8305, section 5: the delay of a connection attempt
constexpr std::size_t kPiece = 64U << 10U;
constexpr std::size_t kMostWaiting = 256U << 10U;

/// A connection that is being made to a numeric address; an errno in `error` if that failed at once.
Socket begin_connecting(const std::string& address, int port, int& error) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  error = EHOSTUNREACH;
  if (::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return Socket();
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  Socket socket(::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  error = errno;
  if (socket.descriptor() < 0) return Socket();
  const int one = 1;
  static_cast<void>(::setsockopt(socket.descriptor(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one));
  error = 0;
  if (::connect(socket.descriptor(), found->ai_addr, found->ai_addrlen) == 0) return socket;
  if (errno == EINPROGRESS) return socket;
  error = errno;
  return Socket();
}

/// The outcome of connect(): an errno, or 0.
int outcome(int descriptor) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

/// Removes the failed attempts. Returns the first that is connected, or a socket without a descriptor.
Socket take_connected(std::vector<Socket>& attempts, const std::vector<pollfd>& seen, int& error) {
  for (std::size_t i = seen.size(); i-- > 0;) {
    if (seen[i].revents == 0) continue;
    const int result = outcome(seen[i].fd);
    if (result == 0) return std::move(attempts[i]);
    error = result;
    attempts.erase(attempts.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return Socket();
}

}  // namespace

Link::Link(const std::vector<std::string>& addresses, int port, Waiter& waiter, TimePoint deadline) {
  std::vector<Socket> attempts;
  std::size_t next = 0;
  int error = EHOSTUNREACH;
  while (next < addresses.size() || !attempts.empty()) {
    if (next < addresses.size()) {
      auto socket = begin_connecting(addresses[next++], port, error);
      if (socket.descriptor() < 0) continue;
      attempts.push_back(std::move(socket));
    }
    std::vector<pollfd> sockets;
    std::ranges::transform(attempts, std::back_inserter(sockets),
                           [](const Socket& one) { return pollfd{one.descriptor(), POLLOUT, 0}; });
    const auto until = next < addresses.size() ? std::min(deadline, Steady::now() + kNextAddress) : deadline;
    if (waiter.wait(sockets, until)) socket_ = take_connected(attempts, sockets, error);
    if (socket_.descriptor() >= 0) return;
    if (Steady::now() >= deadline) throw Fault(Trouble::Late, "it does not answer", ETIMEDOUT);
  }
  throw Fault(Trouble::Unreachable, errno_text(error), error);
}

sockaddr_storage Link::peer() const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  static_cast<void>(::getpeername(descriptor(), reinterpret_cast<sockaddr*>(&address), &size));
  return address;
}

Link::Read Link::read(StreamReader& reader) const {
  const auto room = reader.room(kPiece);
  const auto got = ::recv(descriptor(), room.data(), room.size(), 0);
  if (got > 0) {
    const auto size = static_cast<std::size_t>(got);
    reader.added(size);
    return size < room.size() ? Read::All : Read::Some;
  }
  if (got == 0) return Read::Closed;
  if (errno == EAGAIN || errno == EINTR) return Read::Nothing;
  throw Fault(Trouble::Lost, errno_text(errno), errno);
}

bool Link::queue(std::span<const std::uint8_t> bytes) {
  if (waiting_.size() + bytes.size() > kMostWaiting) return false;
  waiting_.insert(waiting_.end(), bytes.begin(), bytes.end());
  return true;
}

void Link::flush() {
  while (!waiting_.empty()) {
    const auto sent = ::send(descriptor(), waiting_.data(), waiting_.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) throw Fault(Trouble::Lost, errno_text(errno), errno);
    waiting_.erase(waiting_.begin(), waiting_.begin() + sent);
  }
}

pollfd Link::interest() const noexcept {
  return {descriptor(), static_cast<short>(has_waiting() ? POLLIN | POLLOUT : POLLIN), 0};
}

}  // namespace freshframe::media::rtsp
