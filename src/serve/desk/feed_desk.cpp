// Assigns cameras to pages, and passes the acknowledgements of the sources on to them.
// SPDX-License-Identifier: Apache-2.0
#include "serve/desk/feed_desk.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/views/feeds.hpp"

namespace freshframe::serve {
namespace {

// Returns true if the node has another feed now.
bool is_replaced(const std::string& node, const std::shared_ptr<core::CameraFeed>& feed,
                 std::span<const core::NamedFeed> feeds) {
  return std::ranges::any_of(
      feeds, [&](const core::NamedFeed& found) { return found.node == node && found.feed != feed; });
}

}  // namespace

FeedDesk::FeedDesk(std::shared_ptr<core::PipelineCore> core, net::io_context& io) : core_(std::move(core)) {
  core::serve_feeds(*core_, true);
  bell_->answer_by([this, &io] { net::post(io, [this] { take_news(); }); });
}

void FeedDesk::close() {
  if (std::exchange(closed_, true)) return;
  bell_->answer_by({});
  for (auto& camera : cameras_) {
    camera.feed->release(this, "the program no longer serves the page");
  }
  cameras_.clear();
  core::serve_feeds(*core_, false);
}

void FeedDesk::follow() {
  const auto found = core::find_feeds(*core_);
  for (auto camera = cameras_.begin(); camera != cameras_.end();) {
    const auto same = std::ranges::find(found, camera->feed, &core::NamedFeed::feed);
    if (same != found.end()) {
      camera->node = same->node;
      ++camera;
      continue;
    }
    take_news(*camera);  // the source may have said why it ended
    close_pages(*camera, is_replaced(camera->node, camera->feed, found));
    camera->feed->release(this, "the source was removed");
    camera = cameras_.erase(camera);
  }
  for (const auto& [node, feed] : found) {
    if (std::ranges::find(cameras_, feed, &Camera::feed) == cameras_.end()) open(node, feed);
  }
}

void FeedDesk::open(const std::string& node, std::shared_ptr<core::CameraFeed> feed) {
  if (!feed->serve(this, [bell = bell_] { bell->ring(); })) return;
  cameras_.push_back(Camera{.node = node, .feed = std::move(feed)});
}

void FeedDesk::close_pages(Camera& camera, bool is_replaced) {
  auto pages = std::exchange(camera.waiting, {});
  if (auto* const sender = std::exchange(camera.sender, nullptr)) pages.push_back(sender);
  for (auto* const page : pages) {
    if (is_replaced) {
      page->on_replaced();
    } else {
      page->on_ended(camera.ended.value_or("the source was removed"));
    }
  }
}

FeedDesk::Camera* FeedDesk::find(const std::string& name, const std::optional<std::string>& permitted) {
  const auto wanted = name.empty() && permitted ? *permitted : name;
  if (wanted.empty() && cameras_.size() == 1) return &cameras_.front();
  const auto found = std::ranges::find(cameras_, wanted, &Camera::node);
  return found == cameras_.end() ? nullptr : &*found;
}

FeedDesk::Claim FeedDesk::claim(CameraPage& page, const CameraWish& wish,
                                const std::optional<std::string>& permitted) {
  follow();  // the source may have been added since the last tick
  auto* const camera = find(wish.camera, permitted);
  if (camera == nullptr) return Refusal::NoSuchCamera;
  if (permitted && camera->node != *permitted) return Refusal::NotPermitted;
  if (camera->ended) return Ended{*camera->ended};
  for (auto& other : cameras_) {
    if (&other != camera) leave(other, page, "the browser sends another camera");
  }
  std::erase(camera->waiting, &page);
  const bool is_same = camera->sender == &page || (!wish.client.empty() && wish.client == camera->client);
  if (camera->sender != nullptr && !is_same && !wish.take) {
    camera->waiting.push_back(&page);
    return Refusal::Busy;
  }
  auto* const before = std::exchange(camera->sender, &page);
  camera->client = wish.client;
  camera->number = camera->feed->connect();
  if (before != nullptr && before != &page) {
    camera->waiting.push_back(before);
    before->on_taken();
  }
  return Seat{.feed = camera->feed, .number = camera->number};
}

void FeedDesk::leave(const CameraPage& page, const std::string& why) {
  for (auto& camera : cameras_) leave(camera, page, why);
}

void FeedDesk::leave(Camera& camera, const CameraPage& page, const std::string& why) {
  std::erase(camera.waiting, &page);
  if (camera.sender != &page) return;
  camera.sender = nullptr;
  camera.feed->disconnect(camera.number, why);
  for (auto* const each : camera.waiting) each->on_free();
}

void FeedDesk::forget(const CameraPage& page) noexcept {
  for (auto& camera : cameras_) {
    std::erase(camera.waiting, &page);
    if (camera.sender != &page) continue;
    camera.sender = nullptr;
    camera.feed->disconnect(camera.number, {});
  }
}

void FeedDesk::take_news() {
  bell_->quiet();  // first, so that anything that arrives from now on rings again
  for (auto& camera : cameras_) take_news(camera);
}

void FeedDesk::take_news(Camera& camera) const {
  auto news = camera.feed->take_news();
  for (const auto& ack : news.acks) {
    if (camera.sender != nullptr) camera.sender->on_ack(ack);
  }
  if (news.ended) {
    camera.ended = std::move(news.ended);
    close_pages(camera, is_replaced(camera.node, camera.feed, core::find_feeds(*core_)));
  } else if (news.refused) {
    if (auto* const sender = std::exchange(camera.sender, nullptr)) sender->on_refused(*news.refused);
    for (auto* const each : camera.waiting) each->on_free();
  }
}

std::map<std::string, std::string> FeedDesk::list_tokens() {
  std::map<std::string, std::string> tokens;
  for (const auto& [node, feed] : core::find_feeds(*core_)) {
    if (feed->is_open_to(this)) tokens[node] = tokens_.token_of(node);
  }
  return tokens;
}

}  // namespace freshframe::serve
