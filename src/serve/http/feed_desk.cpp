// Assigns cameras to pages, and passes the acknowledgements of the sources on to them.
// SPDX-License-Identifier: Apache-2.0
#include "serve/http/feed_desk.hpp"

#include <algorithm>
#include <utility>

#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/views/feeds.hpp"

namespace freshframe::serve {

FeedDesk::FeedDesk(std::shared_ptr<core::PipelineCore> core, net::io_context& io) : core_(std::move(core)) {
  core::serve_feeds(*core_, true);
  bell_->answer_by([this, &io] { net::post(io, [this] { take(); }); });
}

void FeedDesk::close() {
  bell_->answer_by({});
  for (auto& camera : cameras_) {
    camera.feed->answer_by({});
    camera.feed->disconnect("the program serves no page any more");
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
    take(*camera);  // it may have said why it ended
    const bool is_replaced = std::ranges::find(found, camera->node, &core::NamedFeed::node) != found.end();
    close_pages(*camera, is_replaced);
    camera->feed->answer_by({});
    camera = cameras_.erase(camera);
  }
  for (const auto& [node, feed] : found) {
    if (std::ranges::find(cameras_, feed, &Camera::feed) == cameras_.end()) open(node, feed);
  }
}

void FeedDesk::open(const std::string& node, std::shared_ptr<core::CameraFeed> feed) {
  auto& camera = cameras_.emplace_back(Camera{.node = node, .feed = std::move(feed)});
  camera.feed->answer_by([bell = bell_] { bell->ring(); });
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
  follow();  // the source may be younger than the last tick
  auto* const camera = find(wish.camera, permitted);
  if (camera == nullptr) return Refusal::NoSuchCamera;
  if (permitted && camera->node != *permitted) return Refusal::NotPermitted;
  if (camera->ended) return Ended{*camera->ended};
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
  return camera->feed;
}

void FeedDesk::leave(const CameraPage& page, const std::string& why) {
  for (auto& camera : cameras_) {
    std::erase(camera.waiting, &page);
    if (camera.sender != &page) continue;
    camera.sender = nullptr;
    camera.feed->disconnect(why);
    for (auto* const each : camera.waiting) each->on_free();
  }
}

void FeedDesk::take() {
  bell_->quiet();  // first: what arrives from here on rings again
  for (auto& camera : cameras_) take(camera);
}

void FeedDesk::take(Camera& camera) {
  auto news = camera.feed->take_news();
  for (const auto& ack : news.acks) {
    if (camera.sender != nullptr && ack.sender == camera.number) camera.sender->on_ack(ack);
  }
  if (news.ended) {
    camera.ended = std::move(news.ended);
    close_pages(camera, false);
  } else if (news.refused && news.refused->sender == camera.number) {
    if (auto* const sender = std::exchange(camera.sender, nullptr)) sender->on_refused(news.refused->why);
    for (auto* const each : camera.waiting) each->on_free();
  }
}

std::map<std::string, std::string> FeedDesk::list_tokens() {
  std::map<std::string, std::string> tokens;
  for (const auto& [node, feed] : core::find_feeds(*core_)) tokens[node] = tokens_.token_of(node);
  return tokens;
}

}  // namespace freshframe::serve
