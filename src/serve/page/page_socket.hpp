// The setup of the WebSockets of all pages, and their limit of messages per second.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>

#include "serve/desk/net.hpp"
#include <boost/beast/websocket/stream.hpp>

namespace freshframe::serve {

using PageSocket = boost::beast::websocket::stream<Socket>;

/// Counts the messages of one page.
class MessageRate {
 public:
  /// `most`: per second.
  explicit MessageRate(int most) : most_(most) {}

  /// Counts a message. Returns true if there were too many in this second.
  [[nodiscard]] bool count();

 private:
  const int most_;
  std::chrono::steady_clock::time_point since_{};  // start of the second
  int counted_ = 0;
};

/// Prepares a socket, before its handshake, for messages of at most `most_bytes`. Pings count as messages
/// too, because each is answered: `cut` is called if there are too many. `rate` and what `cut` uses must
/// outlive the operations of the socket.
void prepare_page(PageSocket& socket, std::size_t most_bytes, MessageRate& rate, std::function<void()> cut);
/// Sends pings to a silent page, and closes the socket after `silence` without a message or an answer.
void limit_silence(PageSocket& socket, std::chrono::seconds silence);

/// The answer to the "time" of a page, which estimates the offset of the server's clock.
[[nodiscard]] std::string answer_time(double time);

}  // namespace freshframe::serve
