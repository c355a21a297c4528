// One page over /api/video: its token, its views, and one message on its way at a time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "serve/http/connections.hpp"
#include "serve/http/net.hpp"
#include "serve/http/picture_hub.hpp"
#include "serve/http/video_view.hpp"
#include "serve/state/snapshot.hpp"
#include "serve/video/video_message.hpp"
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket/stream.hpp>

namespace freshframe::serve {

class Host;

/// Kept alive by its pending operations. On the network's thread. All messages are shared with other pages: a page that
/// stops reading costs the message that is being written, and its places in the rings, until it is cut.
class VideoWatcher final : public Connection,
                           public VideoViewer,
                           public VideoClient,
                           private PictureClient,
                           public std::enable_shared_from_this<VideoWatcher> {
 public:
  using Request = boost::beast::http::request<boost::beast::http::empty_body>;

  /// `is_known`: the request had the token, or needs no token.
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
  /// Returns true if this message is one too many in its second.
  [[nodiscard]] bool count_message();
  void refuse(unsigned code, const char* reason);
  void write(std::string head, std::string_view body, std::shared_ptr<const void> keep, bool binary);

  [[nodiscard]] bool wants(std::size_t port) const override;
  [[nodiscard]] bool looks_at(std::size_t port) const override;
  [[nodiscard]] int width() const override;
  [[nodiscard]] std::uint64_t last(std::size_t port) const override;
  void show(std::size_t port, const LivePictureRef& picture) override;

  Host& host_;
  boost::beast::websocket::stream<Socket> socket_;
  std::optional<Request> request_;
  boost::beast::flat_buffer buffer_;
  std::list<VideoView> views_;        // the first is the one whose turn it is
  std::deque<std::string> texts_;     // to be sent before the views' messages
  std::string head_;                  // head of the message that is being written
  std::shared_ptr<const void> body_;  // as head_
  bool writes_ = false;
  bool accepted_ = false;
  bool closing_ = false;
  bool is_known_;
  Time deadline_{};       // until it is accepted and known, or closed
  Time counted_since_{};  // messages, against floods
  int counted_ = 0;
};

}  // namespace freshframe::serve
