// One dashboard on a WebSocket. At most one state is in flight, followed by the newest.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "serve/desk/net.hpp"
#include "serve/page/connections.hpp"
#include "serve/page/page_socket.hpp"
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>

namespace freshframe::serve {

class Host;

/// Owned by its pending operations. Used on the network thread. Messages are shared with all viewers, so a
/// viewer that stops reading costs only a few hundred bytes until it is closed.
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
  void refuse(const char* reason);
  void push(std::shared_ptr<const std::string> message);
  void write_next();

  Host& host_;
  PageSocket socket_;
  std::optional<Request> request_;
  boost::beast::flat_buffer buffer_;
  std::deque<std::shared_ptr<const std::string>> outgoing_;  // the first one is being written
  Time deadline_{};  // for the handshake, or for closing after a refusal
  bool accepted_ = false;
  bool closing_ = false;
  std::optional<Time> state_sent_;  // send time of the state that is not acknowledged yet
  MessageRate rate_;
};

}  // namespace freshframe::serve
