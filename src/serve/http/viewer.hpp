// One dashboard over a WebSocket: at most one state is in flight, and the newest follows it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "serve/http/connections.hpp"
#include "serve/http/net.hpp"
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket/stream.hpp>

namespace freshframe::serve {

class Host;

/// Kept alive by its pending operations. On the network's thread. The messages are shared with all viewers. A
/// viewer itself has only a few hundred bytes, which is the cost of a viewer that stops reading until it is
/// cut.
class Viewer final : public Connection, public StateViewer, public std::enable_shared_from_this<Viewer> {
 public:
  using Request = boost::beast::http::request<boost::beast::http::empty_body>;

  Viewer(Host& host, Socket socket);
  ~Viewer() override;
  void start(Request request);
  void tell(const std::shared_ptr<const std::string>& state) override;
  void check(Time now) override;
  void cut() override;

 private:
  void on_accepted();
  void read();
  void on_message();
  /// Returns true if this message is one too many in its second.
  [[nodiscard]] bool count_message();
  void refuse(const char* reason);
  void push(std::shared_ptr<const std::string> message);
  void write_next();

  Host& host_;
  boost::beast::websocket::stream<Socket> socket_;
  std::optional<Request> request_;
  boost::beast::flat_buffer buffer_;
  std::deque<std::shared_ptr<const std::string>> outgoing_;  // the first is being written
  Time deadline_{};                                          // until it is accepted, or once it is refused
  bool accepted_ = false;
  bool closing_ = false;
  std::optional<Time> state_sent_;  // when it was sent, until it is acknowledged
  Time counted_since_{};            // messages, against floods
  int counted_ = 0;
};

}  // namespace freshframe::serve
