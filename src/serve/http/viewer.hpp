// One live viewer over a WebSocket: at most one state and one picture are in flight, and then the newest
// follow.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "serve/http/connection.hpp"
#include "serve/http/net.hpp"
#include "serve/http/page_message.hpp"
#include "serve/http/picture_hub.hpp"
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket/stream.hpp>

namespace freshframe::serve {

class Service;

/// Kept alive by its pending operations. On the network's thread. The messages are shared with all viewers. A
/// viewer has only a few hundred bytes of its own, which is the cost of one that stops reading until it is
/// cut.
class Viewer final : public Connection, private PictureClient, public std::enable_shared_from_this<Viewer> {
 public:
  using Request = boost::beast::http::request<boost::beast::http::empty_body>;

  Viewer(Service& service, Socket socket);
  ~Viewer() override;
  void start(Request request);
  void tell(const std::shared_ptr<const std::string>& state);
  void check(Time now) override;
  void cut() override;

 private:
  friend class Service;  // which passes it to the hub

  struct Outgoing {
    bool binary = false;
    std::string head = {};
    std::string_view body = {};
    std::shared_ptr<const void> keep = {};  // the owner of `body`
  };

  void on_accepted();
  void read();
  void on_message();
  bool is_flooding();
  void refuse(const char* reason);
  void push(Outgoing message);
  void write_next();

  [[nodiscard]] bool wants(std::size_t port) const override { return !picture_sent_ && looks_at(port); }
  [[nodiscard]] bool looks_at(std::size_t port) const override { return ports_.contains(port); }
  [[nodiscard]] int width() const override { return width_; }
  [[nodiscard]] std::uint64_t last(std::size_t port) const override;
  [[nodiscard]] std::size_t first() const override { return last_port_ + 1; }
  void show(std::size_t port, const LivePictureRef& picture) override;

  Service& service_;
  boost::beast::websocket::stream<Socket> socket_;
  std::optional<Request> request_;
  boost::beast::flat_buffer buffer_;
  std::deque<Outgoing> outgoing_;  // the first is being written
  Time deadline_{};                // until it is accepted, or once it is refused
  bool accepted_ = false;
  bool closing_ = false;
  std::optional<Time> state_sent_;    // and not acknowledged
  std::optional<Time> picture_sent_;  // and not acknowledged
  Time counted_since_{};              // messages, against floods
  int counted_ = 0;
  std::set<std::size_t> ports_;
  std::map<std::size_t, std::uint64_t> last_;
  std::size_t last_port_ = 0;
  int width_ = 960;
};

}  // namespace freshframe::serve
