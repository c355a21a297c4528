// One page on /api/video: its token and its views. Writes one message at a time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "serve/desk/net.hpp"
#include "serve/desk/picture_hub.hpp"
#include "serve/page/connections.hpp"
#include "serve/page/page_socket.hpp"
#include "serve/page/video_view.hpp"
#include "serve/state/snapshot.hpp"
#include "serve/video/video_message.hpp"
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>

namespace freshframe::serve {

class Host;

/// Owned by its pending operations. Used on the network thread. Messages are shared with other pages: a page
/// that stops reading costs only the message being written, and its positions in the rings, until it is
/// closed.
class VideoWatcher final : public Connection,
                           public VideoViewer,
                           public VideoClient,
                           private PictureClient,
                           public std::enable_shared_from_this<VideoWatcher> {
 public:
  using Request = boost::beast::http::request<boost::beast::http::empty_body>;

  /// `is_known`: the request had the token, or none is needed.
  VideoWatcher(Host& host, Socket socket, bool is_known);
  ~VideoWatcher() override;
  void start(Request request);
  void pump() override;
  void check(Time now) override;
  void cut() override;
  void count_views(std::vector<ViewInfo>& views) const override;

 private:
  void on_accepted();
  void read();
  void on_message();
  void on_token(const std::string& token);
  void on_watch(std::vector<WatchWish> wishes);
  void on_acks(const VideoRequest& request);
  void welcome();
  void refuse(unsigned code, const char* reason);
  void write(std::string head, std::string_view body, std::shared_ptr<const void> keep, bool binary);

  [[nodiscard]] bool wants(std::size_t port) const override;
  [[nodiscard]] bool looks_at(std::size_t port) const override;
  [[nodiscard]] int width() const override;
  [[nodiscard]] std::uint64_t last(std::size_t port) const override;
  void show(std::size_t port, const LivePictureRef& picture) override;

  Host& host_;
  PageSocket socket_;
  std::optional<Request> request_;
  boost::beast::flat_buffer buffer_;
  std::list<VideoView> views_;        // in round-robin order, the next one first
  std::deque<std::string> texts_;     // sent before the views' messages
  std::string head_;                  // head of the message being written
  std::shared_ptr<const void> body_;  // owner of its body
  bool writes_ = false;
  std::optional<Time> accepted_;  // when the handshake was complete
  std::optional<std::chrono::duration<double>> round_trip_;
  bool closing_ = false;
  bool is_known_;
  Time deadline_{};  // of the handshake and token, or of closing
  MessageRate rate_;
};

}  // namespace freshframe::serve
