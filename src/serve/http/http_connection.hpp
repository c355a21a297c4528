// One HTTP connection: successive requests, with limits on size and time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "serve/desk/net.hpp"
#include "serve/desk/picture_hub.hpp"
#include "serve/page/connection.hpp"
#include "serve/request/routes.hpp"
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

namespace freshframe::serve {

class Host;

/// Owned by its pending operations. Used on the network thread.
class HttpConnection final : public Connection,
                             private PictureClient,
                             public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(Host& host, Socket socket);
  ~HttpConnection() override;
  void start();
  void check(Time now) override;
  void cut() override;

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::empty_body>;

  void read();
  void on_head(const ErrorCode& error);
  void on_request();
  void answer(const RequestHead& head);
  [[nodiscard]] bool keeps_alive() const;
  [[nodiscard]] bool is_head() const;
  void become_viewer();
  void become_watcher(bool is_known);
  void become_sender();
  void become_stream(const Routed& routed);
  void wait_for_picture(Routed routed);
  void end_wait();
  void wait_for_look(LookWish wish);
  void give_question_up();
  void show_look(Reply reply);
  /// Responds with 503 and the reason why there is no image.
  void send_no_picture();
  /// Watches for a disconnect while nothing is read or sent, so that a client that has left does not occupy a
  /// slot.
  void watch_peer();
  void send(Reply reply, bool keep_alive);
  void finish();
  void drain();

  [[nodiscard]] bool wants(std::size_t port) const override { return port == waited_port_; }
  [[nodiscard]] bool looks_at(std::size_t port) const override { return port == waited_port_; }
  [[nodiscard]] int width() const override { return PictureHub::kMaxWidth; }
  [[nodiscard]] std::uint64_t last(std::size_t /*port*/) const override { return 0; }
  [[nodiscard]] bool needs_newest() const override { return true; }
  void show(std::size_t port, const LivePictureRef& picture) override;

  Host& host_;
  Socket socket_;
  bool known_ = false;  // the client has made a permitted request
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  Time deadline_{};
  std::optional<std::size_t> waited_port_;        // port of the requested image
  std::string picture_headers_;                   // response headers of the requested image
  std::optional<std::int64_t> after_;             // seq of the image that the client already has
  std::shared_ptr<HttpConnection> waiting_self_;  // keeps this object alive while it waits for an image
  std::optional<std::uint64_t> question_;         // pending question about past images
  Reply reply_;                                   // the response being sent
  std::string head_;
};

}  // namespace freshframe::serve
