// Passes encoded frames that a browser sends from the server to the source that decodes them.
// SPDX-License-Identifier: Apache-2.0
#include "core/watch/feed.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace freshframe::core {
namespace {

constexpr std::string_view kNobody = "no browser sends it";

/// Returns true if the page reports why it sends no frames.
bool says_why(const SenderStats& sender) {
  return sender.state != "live" && !sender.message.empty();
}

CameraFeed::Stream stream_of(const CameraFeed::Taken& packet) {
  return {.sender = packet.sender, .codec = packet.camera.codec, .turn = packet.camera.turn};
}

void add_counts(SenderStats& to, const SenderStats& of) {
  to.camera_frames += of.camera_frames;
  to.sent += of.sent;
  to.skipped_link += of.skipped_link;
  to.skipped_encoder += of.skipped_encoder;
  to.missed += of.missed;
}

}  // namespace

std::string_view to_string(FeedCodec codec) noexcept {
  switch (codec) {
    case FeedCodec::H264:
      return "h264";
    case FeedCodec::Vp8:
      return "vp8";
    case FeedCodec::Vp9:
      return "vp9";
    case FeedCodec::Mjpeg:
      return "mjpeg";
  }
  return {};
}

CameraFeed::CameraFeed(std::string name, FeedWants wants)
    : name_(std::move(name)), wants_(wants), left_(kNobody) {}

std::optional<SenderStats> CameraFeed::stats() const {
  const std::lock_guard lock(mutex_);
  if (senders_ == 0) return std::nullopt;
  auto stats = reported_.value_or(SenderStats());
  stats.connected = connected_;
  if (!connected_) stats.message = left_;
  if (camera_) {
    stats.codec = to_string(camera_->codec);
    stats.width = camera_->width;
    stats.height = camera_->height;
  }
  add_counts(stats, earlier_);
  return stats;
}

bool CameraFeed::is_open_to(const void* server) const {
  const std::lock_guard lock(mutex_);
  return server_ == nullptr || server_ == server;
}

bool CameraFeed::is_current_locked(std::uint64_t sender) const noexcept {
  return connected_ && sender == senders_;
}

// ---- sender side

void CameraFeed::ring(std::unique_lock<std::mutex> lock) {
  const auto bell = bell_;
  lock.unlock();
  expect_no_lock();
  if (bell) (*bell)();
}

bool CameraFeed::serve(const void* server, std::function<void()> bell) {
  auto next = std::make_shared<const std::function<void()>>(std::move(bell));
  std::unique_lock lock(mutex_);
  if (server_ != nullptr && server_ != server) return false;
  server_ = server;
  bell_.swap(next);
  if (!news_.acks.empty() || news_.refused || news_.ended) ring(std::move(lock));
  return true;
}

void CameraFeed::release(const void* server, std::string why) {
  Bell last;  // destroyed without the lock
  const std::lock_guard lock(mutex_);
  if (server_ != server) return;
  server_ = nullptr;
  bell_.swap(last);
  disconnect_locked(std::move(why));
}

FeedNews CameraFeed::take_news() {
  const std::lock_guard lock(mutex_);
  return std::exchange(news_, {});
}

std::uint64_t CameraFeed::connect() {
  const std::lock_guard lock(mutex_);
  drop_packets_locked();
  if (reported_) add_counts(earlier_, *reported_);
  reported_.reset();
  camera_.reset();
  last_put_.reset();
  last_taken_.reset();
  last_skipped_ = 0;
  news_.acks.clear();
  news_.refused.reset();
  connected_ = true;
  left_.clear();
  note_change_locked();
  return ++senders_;
}

void CameraFeed::declare(std::uint64_t sender, const FeedCamera& camera) {
  const std::lock_guard lock(mutex_);
  if (is_current_locked(sender)) camera_ = camera;
}

bool CameraFeed::put(std::uint64_t sender, FeedPacket packet) {
  const std::lock_guard lock(mutex_);
  if (!is_current_locked(sender) || !camera_ || ended_) return false;
  if (last_put_ && packet.number <= *last_put_) return false;
  if (packets_.size() == kMostPackets || bytes_ + packet.bytes.size() > kMostBytes) return false;
  Taken next;
  next.camera = *camera_;
  next.sender = sender;
  next.missing = last_put_ ? packet.number - *last_put_ - 1 : 0;
  next.skipped =
      packet.skipped - std::min(packet.skipped, last_skipped_) + std::exchange(dropped_skipped_, 0);
  last_put_ = packet.number;
  last_skipped_ = std::max(last_skipped_, packet.skipped);
  bytes_ += packet.bytes.size();
  next.packet = std::move(packet);
  packets_.push_back(std::move(next));
  changed_.notify_all();
  return true;
}

void CameraFeed::report(std::uint64_t sender, SenderStats stats) {
  const std::lock_guard lock(mutex_);
  if (!is_current_locked(sender)) return;
  const auto before = explain_locked();
  reported_ = std::move(stats);
  if (explain_locked() != before) note_change_locked();
}

void CameraFeed::disconnect(std::uint64_t sender, std::string why) {
  const std::lock_guard lock(mutex_);
  if (sender == senders_) disconnect_locked(std::move(why));
}

void CameraFeed::disconnect_locked(std::string why) {
  if (!connected_) return;
  connected_ = false;
  left_ = std::move(why);
  note_change_locked();
}

// ---- taker side

bool CameraFeed::wait_packet(TimePoint deadline, const std::stop_token& stop) {
  const std::stop_callback on_stop(stop, [this] {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  });
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, deadline, [&] {
    return !packets_.empty() || changes_ != changes_seen_ || stop.stop_requested();
  });
  changes_seen_ = changes_;
  return !packets_.empty() && !stop.stop_requested();
}

std::optional<CameraFeed::Stream> CameraFeed::stream() const {
  const std::lock_guard lock(mutex_);
  if (packets_.empty()) return std::nullopt;
  return stream_of(packets_.front());
}

std::optional<CameraFeed::Taken> CameraFeed::take(const Stream& stream, TimePoint now) {
  std::unique_lock lock(mutex_);
  if (packets_.empty()) return std::nullopt;
  auto& front = packets_.front();
  if (stream_of(front) != stream) return std::nullopt;
  auto taken = std::move(front);
  packets_.pop_front();
  bytes_ -= taken.packet.bytes.size();
  last_taken_ = taken.packet.number;
  const double waited = std::max(0.0, Seconds(now - taken.packet.arrived).count());
  news_.acks.push_back({.number = taken.packet.number, .key = false, .waited = waited});
  ring(std::move(lock));
  return taken;
}

bool CameraFeed::is_sending(std::uint64_t sender) const {
  const std::lock_guard lock(mutex_);
  return is_current_locked(sender) && !(reported_ && says_why(*reported_));
}

std::string CameraFeed::explain() const {
  const std::lock_guard lock(mutex_);
  return explain_locked();
}

std::string CameraFeed::explain_locked() const {
  if (!connected_) return left_;
  if (reported_ && says_why(*reported_)) return reported_->message;
  if (reported_ && reported_->hidden) return "the browser's page is hidden";
  return "the browser is connected, but has sent no frame yet";
}

void CameraFeed::ask_key(std::uint64_t sender) {
  std::unique_lock lock(mutex_);
  if (!is_current_locked(sender) || !last_taken_) return;
  if (!news_.acks.empty()) {
    news_.acks.back().key = true;
    return;  // the bell has already been rung for that acknowledgement
  }
  news_.acks.push_back({.number = *last_taken_, .key = true, .waited = 0});
  ring(std::move(lock));
}

void CameraFeed::refuse(std::uint64_t sender, std::string why) {
  std::unique_lock lock(mutex_);
  if (!is_current_locked(sender)) return;
  drop_packets_locked();
  connected_ = false;
  left_ = why;
  news_.refused = std::move(why);
  ring(std::move(lock));
}

std::uint64_t CameraFeed::take_dropped() {
  const std::lock_guard lock(mutex_);
  return std::exchange(dropped_, 0);
}

void CameraFeed::end(std::string why) {
  std::unique_lock lock(mutex_);
  if (ended_) return;
  drop_packets_locked();
  ended_ = true;
  news_.ended = std::move(why);
  ring(std::move(lock));
}

void CameraFeed::note_change_locked() {
  ++changes_;
  changed_.notify_all();
}

void CameraFeed::drop_packets_locked() {
  for (const auto& each : packets_) {
    dropped_ += 1 + each.missing;
    dropped_skipped_ += each.skipped;
  }
  packets_.clear();
  bytes_ = 0;
}

}  // namespace freshframe::core
