// Sockets between processes.
// SPDX-License-Identifier: Apache-2.0
#include "process/wire/channel.hpp"

#include "freshframe/error.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "process/wire/bytes.hpp"
#include <sys/socket.h>

namespace freshframe::process {
namespace {

using Control = std::array<char, CMSG_SPACE(sizeof(int) * Channel::kMostDescriptors)>;

void put_descriptors(msghdr& header, Control& control, std::span<const int> descriptors) {
  if (descriptors.empty()) return;
  const auto bytes = sizeof(int) * descriptors.size();
  header.msg_control = control.data();
  header.msg_controllen = CMSG_SPACE(bytes);
  auto* const item = CMSG_FIRSTHDR(&header);
  item->cmsg_level = SOL_SOCKET;
  item->cmsg_type = SCM_RIGHTS;
  item->cmsg_len = CMSG_LEN(bytes);
  std::memcpy(CMSG_DATA(item), descriptors.data(), bytes);
}

void get_descriptors(msghdr& header, std::vector<Descriptor>& into) {
  for (auto* item = CMSG_FIRSTHDR(&header); item != nullptr; item = CMSG_NXTHDR(&header, item)) {
    if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) continue;
    const auto count = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(item) + i * sizeof number, sizeof number);
      into.emplace_back(number);
    }
  }
}

}  // namespace

Channel::Channel(Descriptor socket, bool accepts_descriptors)
    : socket_(std::move(socket)), accepts_descriptors_(accepts_descriptors), buffer_(kMostBytes) {}

std::pair<Descriptor, Descriptor> Channel::make_pair() {
  int sockets[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) {
    throw Error("cannot create a socket for a worker: " + std::generic_category().message(errno));
  }
  return {Descriptor(sockets[0]), Descriptor(sockets[1])};
}

Channel::Sent Channel::send(std::span<const std::byte> message, std::span<const int> descriptors, Wait wait) {
  iovec part{const_cast<std::byte*>(message.data()), message.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  alignas(cmsghdr) Control control{};
  put_descriptors(header, control, descriptors);
  const int flags = MSG_NOSIGNAL | (wait == Wait::No ? MSG_DONTWAIT : 0);
  while (::sendmsg(socket_.get(), &header, flags) < 0) {
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS) {
      full_because_ = errno;
      return Sent::Full;
    }
    if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN) return Sent::Gone;
    throw Error("cannot send to another process: " + std::generic_category().message(errno));
  }
  return Sent::Yes;
}

std::string Channel::why_full() const {
  if (full_because_ == EAGAIN) return "it did not read its messages";
  return "it could not be sent a message: " + std::generic_category().message(full_because_);
}

Channel::Received Channel::receive(Wait wait) {
  descriptors_.clear();
  size_ = 0;
  iovec part{buffer_.data(), buffer_.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  alignas(cmsghdr) Control control{};
  if (accepts_descriptors_) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();
  }
  ssize_t got = 0;
  do {
    const int flags = MSG_CMSG_CLOEXEC | (wait == Wait::No ? MSG_DONTWAIT : 0);
    got = ::recvmsg(socket_.get(), &header, flags);
  } while (got < 0 && errno == EINTR && wait == Wait::No);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return Received::Nothing;
  if (got < 0 && errno == ECONNRESET) return Received::End;
  if (got < 0) throw Error("cannot read from another process: " + std::generic_category().message(errno));
  get_descriptors(header, descriptors_);
  if ((header.msg_flags & MSG_TRUNC) != 0) throw ProtocolError("a message is too long");
  if ((header.msg_flags & MSG_CTRUNC) != 0) {
    throw ProtocolError(
        accepts_descriptors_
            ? "the process has too many open files to receive those of a message: raise the limit (ulimit -n)"
            : "a message has unexpected file descriptors");
  }
  if (got == 0) return Received::End;  // the peer has closed the socket, since messages are never empty
  size_ = static_cast<std::size_t>(got);
  return Received::Message;
}

void Channel::end_sending() noexcept {
  ::shutdown(socket_.get(), SHUT_WR);
}

}  // namespace freshframe::process
