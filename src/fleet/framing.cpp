// Messages on a stream.
// SPDX-License-Identifier: Apache-2.0
#include "fleet/framing.hpp"

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "process/wire/bytes.hpp"
#include <sys/socket.h>

namespace freshframe::fleet {

void MessageReader::add(std::span<const std::byte> bytes) {
  if (begin_ > 0) {
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
  }
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

std::span<const std::byte> MessageReader::next() {
  const auto rest = std::span<const std::byte>(bytes_).subspan(begin_);
  std::uint32_t size = 0;
  if (rest.size() < sizeof size) return {};
  std::memcpy(&size, rest.data(), sizeof size);
  if (size == 0 || size > kMostMessage) {
    throw process::ProtocolError("a message must have 1 to " + std::to_string(kMostMessage) + " bytes, got " +
                                 std::to_string(size));
  }
  if (rest.size() < sizeof size + size) return {};
  begin_ += sizeof size + size;
  return rest.subspan(sizeof size, size);
}

void MessageQueue::add(std::shared_ptr<const Message> message) {
  size_bytes_ += message->size();
  messages_.push_back(std::move(message));
}

bool MessageQueue::write_to(int socket) {
  while (!messages_.empty()) {
    const auto rest = std::span<const std::byte>(*messages_.front()).subspan(written_);
    const auto sent = ::send(socket, rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN;
    }
    written_ += static_cast<std::size_t>(sent);
    if (written_ < messages_.front()->size()) continue;
    size_bytes_ -= messages_.front()->size();
    written_ = 0;
    messages_.pop_front();
  }
  return true;
}

std::shared_ptr<const Message> finish_message(Message message) {
  const auto size = static_cast<std::uint32_t>(message.size() - sizeof(std::uint32_t));
  std::memcpy(message.data(), &size, sizeof size);
  return std::make_shared<const Message>(std::move(message));
}

}  // namespace freshframe::fleet
