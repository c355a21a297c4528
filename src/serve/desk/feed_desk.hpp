// The cameras that browsers may send, and which page sends each of them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/watch/feed.hpp"
#include "serve/desk/net.hpp"
#include "serve/request/gate.hpp"
#include "serve/video/camera_message.hpp"
#include "serve/video/video_mail.hpp"
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>

namespace freshframe::core {
class PipelineCore;
}  // namespace freshframe::core

namespace freshframe::serve {

class Host;

/// A connection that sends a camera, or waits until it may. These functions must not call the desk.
class CameraPage {
 public:
  CameraPage() = default;
  CameraPage(const CameraPage&) = delete;
  CameraPage& operator=(const CameraPage&) = delete;
  virtual ~CameraPage() = default;

  /// Called when the source has taken a frame.
  virtual void on_ack(const core::FeedAck& ack) = 0;
  /// Called when another page has taken over sending the camera.
  virtual void on_taken() = 0;
  /// Called when the camera that this page waits for has lost its sender.
  virtual void on_free() = 0;
  /// Called when the source cannot use the frames of this page.
  virtual void on_refused(const std::string& why) = 0;
  /// Called when the source has ended.
  virtual void on_ended(const std::string& why) = 0;
  /// Called when the source was replaced by another of the same name. The page must connect again.
  virtual void on_replaced() = 0;
};

/// Contains only cameras that no other server of the pipeline has. Used on the network thread, except for
/// tokens() and list_tokens(). Does not own the pages: each calls leave() before it is destroyed.
class FeedDesk {
 public:
  enum class Refusal : std::uint8_t { NoSuchCamera, NotPermitted, Busy };
  struct Ended {
    std::string why;
  };
  using Request = boost::beast::http::request<boost::beast::http::empty_body>;
  /// The right to send: the functions of the feed need the sender's number.
  struct Seat {
    std::shared_ptr<core::CameraFeed> feed;
    std::uint64_t number = 0;
  };
  using Claim = std::variant<Seat, Refusal, Ended>;

  FeedDesk(std::shared_ptr<core::PipelineCore> core, net::io_context& io);
  FeedDesk(const FeedDesk&) = delete;
  FeedDesk& operator=(const FeedDesk&) = delete;
  ~FeedDesk() { close(); }

  /// Takes over the connection of a page on /api/camera.
  static void welcome(Host& host, Socket socket, Request request);
  /// Stops listening to the sources: other threads post nothing from now on.
  void close();
  /// Finds sources that were added, removed or replaced. Called a few times per second.
  void follow();

  /// Makes `page` the sender of one camera, and of no other, or queues it for that camera. `permitted`: the
  /// only camera that the page's token allows; nullopt for all. An empty name in `wish` means the permitted
  /// camera, or else the only camera that there is.
  [[nodiscard]] Claim claim(CameraPage& page, const CameraWish& wish,
                            const std::optional<std::string>& permitted);
  /// Call when `page` no longer sends or waits. `why` is shown to the user if it was the sender.
  void leave(const CameraPage& page, const std::string& why);
  /// Like leave(), but without a reason, and without informing the pages that wait.
  void forget(const CameraPage& page) noexcept;
  /// Passes acknowledgements and other messages of the sources on to the pages.
  void take_news();

  [[nodiscard]] CameraTokens& tokens() noexcept { return tokens_; }
  /// The tokens of all cameras, by the names of their nodes.
  [[nodiscard]] std::map<std::string, std::string> list_tokens();

 private:
  struct Camera {
    std::string node;
    std::shared_ptr<core::CameraFeed> feed;
    CameraPage* sender = nullptr;
    std::uint64_t number = 0;  // of the sender
    std::string client = {};   // of the sender
    std::vector<CameraPage*> waiting = {};
    std::optional<std::string> ended = {};
  };

  [[nodiscard]] Camera* find(const std::string& name, const std::optional<std::string>& permitted);
  void open(const std::string& node, std::shared_ptr<core::CameraFeed> feed);
  void take_news(Camera& camera) const;
  static void leave(Camera& camera, const CameraPage& page, const std::string& why);
  static void close_pages(Camera& camera, bool is_replaced);

  const std::shared_ptr<core::PipelineCore> core_;
  const std::shared_ptr<Bell> bell_ = std::make_shared<Bell>();
  std::list<Camera> cameras_;
  bool closed_ = false;
  CameraTokens tokens_;
};

}  // namespace freshframe::serve
