// Turns packets and results of a port into messages.
// SPDX-License-Identifier: Apache-2.0
#include "serve/video/video_port.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <utility>

#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/views/ports.hpp"
#include "media/packets/packet_camera.hpp"
#include "serve/state/sampler.hpp"

namespace freshframe::serve {
namespace {

void write_text_or_null(JsonWriter& json, std::string_view name, const std::string& text) {
  if (text.empty()) {
    json.key(name).null();
  } else {
    json.member(name, std::string_view(text));
  }
}

VideoMessageRef start_message(std::string body, std::size_t segment) {
  return std::make_shared<const VideoMessage>(VideoMessage{.kind = VideoMessage::Kind::Start,
                                                           .captured = unix_now(),
                                                           .sample_size = segment,
                                                           .body = std::move(body)});
}

}  // namespace

VideoMessageRef gone_message(std::string_view why, std::string_view text, std::optional<double> since) {
  const double now = unix_now();
  JsonWriter json;
  json.begin_object()
      .member("why", why)
      .member("text", text)
      .member("since", since)
      .member("now", now)
      .end_object();
  return std::make_shared<const VideoMessage>(
      VideoMessage{.kind = VideoMessage::Kind::Gone, .captured = now, .body = std::move(json).take()});
}

VideoPort::VideoPort(std::shared_ptr<core::PipelineCore> core, std::string name,
                     std::shared_ptr<core::PictureTap> tap, std::shared_ptr<Bell> bell)
    : core_(std::move(core)),
      name_(std::move(name)),
      bell_(std::move(bell)),
      mail_(std::make_shared<ResultMail>(bell_)) {
  set_tap(std::move(tap));
}

VideoPort::~VideoPort() {
  if (tap_) tap_->follow({});
  detach();
}

void VideoPort::set_tap(std::shared_ptr<core::PictureTap> tap) {
  if (tap_) tap_->follow({});
  tap_ = std::move(tap);
  mail_->begin_again();
  if (tap_) tap_->follow([mail = mail_](const AnySample& sample) { mail->put(sample); });
  attach();
}

void VideoPort::detach() {
  if (kept_) kept_->close();
  kept_.reset();
  stream_.reset();
  writer_.reset();
  unplayable_.clear();
  pictures_.clear();
  forget_results();
}

/// The timestamps of results belong to one source, so they are dropped when it changes.
void VideoPort::forget_results() {
  results_begin_ = results_end();
  results_.clear();
}

/// The source may be added later, and replaced while the pipeline runs.
void VideoPort::attach() {
  auto found = core::find_port_source(*core_, name_);
  if (!found || (found->node == source_.lock() && found->is_its_pictures == is_its_pictures_)) return;
  detach();
  if (!source_name_.empty()) mail_->begin_again();
  source_name_ = std::move(found->name);
  source_ = found->node;
  is_its_pictures_ = found->is_its_pictures;
  auto* const camera = found->node->abilities().packets;
  if (camera == nullptr || !is_its_pictures_) return;
  kept_ = std::make_shared<media::KeptPackets>(core_->clock(), [bell = bell_] { bell->ring(); });
  camera->keep_packets(kept_);
  camera->take_frames_while(core::is_taken(std::move(found->runner)));
  if (!clients_.empty()) kept_->watch();
}

void VideoPort::join(VideoClient& client) {
  clients_.push_back(&client);
  if (clients_.size() > 1) return;
  attach();
  mail_->watch(true);
  if (kept_) kept_->watch();
  take();
}

void VideoPort::leave(VideoClient& client) {
  const auto found = std::ranges::find(clients_, &client);
  if (found != clients_.end()) clients_.erase(found);
  if (!clients_.empty()) return;
  mail_->watch(false);
  if (kept_) kept_->unwatch();
  stream_.reset();
  writer_.reset();
  pictures_.clear();
  forget_results();
}

bool VideoPort::take() {
  bool any = false;
  if (kept_) {
    for (const auto& item : kept_->take()) {
      add(item);
      any = true;
    }
  }
  for (const auto& result : mail_->take()) {
    add(result);
    any = true;
  }
  return any;
}

void VideoPort::begin_stream(const std::shared_ptr<const PacketStream>& stream) {
  stream_ = stream;
  begins_ = false;
  pictures_.clear();
  writer_.reset();
  unplayable_.clear();
  ++stream_number_;
  try {
    writer_ = std::make_unique<media::FragmentWriter>(*stream);
  } catch (const Error& error) {
    unplayable_ = error.what();
  }
}

void VideoPort::add(const media::KeptPacket& item) {
  const auto& packet = item.packet;
  if (packet.stream != stream_ || (begins_ && packet.is_keyframe)) begin_stream(packet.stream);
  if (!writer_) return;
  try {
    auto fragment = writer_->write(packet);
    pictures_.add(std::make_shared<const VideoMessage>(VideoMessage{
        .kind = VideoMessage::Kind::Picture,
        .flags =
            (packet.is_keyframe ? VideoMessage::kKey : 0U) | (packet.damaged ? VideoMessage::kDamaged : 0U),
        .pts = packet.pts,
        .captured = unix_time(item.captured),
        .elapsed = Seconds(item.received - item.captured).count(),
        .sample_size = fragment.sample_size,
        .body = std::move(fragment.bytes)}));
  } catch (const Error& error) {
    writer_.reset();
    pictures_.clear();
    unplayable_ = error.what();
  }
}

void VideoPort::add(const ResultMail::Result& result) {
  auto body = results_json_.write(result.stamp, result.value, result.size);
  if (!body) return;
  const double pts = result.stamp.pts;
  while (!results_.empty() && results_.front()->pts < pts - kKeptResults) {
    results_.pop_front();
    ++results_begin_;
  }
  results_.push_back(
      std::make_shared<const VideoMessage>(VideoMessage{.kind = VideoMessage::Kind::Results,
                                                        .pts = pts,
                                                        .captured = unix_time(result.stamp.captured),
                                                        .body = *std::move(body)}));
}

std::string VideoPort::why_jpeg() const {
  const auto source = source_.lock();
  if (!source) return "the port has no single source";
  const bool is_source = source_name_ == name_;
  if (!is_its_pictures_ || (!is_source && mail_->makes_frames())) return "the node makes images of its own";
  if (!kept_) return "the source has no packets";
  if (mail_->has_moved())
    return is_source ? "the source's frames carry their own rotation"
                     : "the results were found in other images than the source's own";
  return unplayable_;
}

VideoMessageRef VideoPort::start() const {
  const auto depth = media::reorder_depth(*stream_);
  const auto turn = media::read_turn(*stream_);
  JsonWriter json;
  json.begin_object()
      .member("port", std::string_view(name_))
      .member("source", std::string_view(source_name_))
      .member("mode", "video")
      .key("why")
      .null()
      .member("codec", std::string_view(writer_->codec()))
      .member("mime", std::string_view("video/mp4; codecs=\"" + writer_->codec() + "\""))
      .member("width", turn.lies() ? stream_->height : stream_->width)
      .member("height", turn.lies() ? stream_->width : stream_->height)
      .key("turn")
      .begin_object()
      .member("flip", turn.flip)
      .member("quarters", turn.quarters)
      .end_object()
      .member("depth", depth)
      .member("shift", media::FragmentWriter::kShift)
      .member("rate", pictures_.rate());
  results_json_.write_known(json);
  json.member("most", VideoRing::kMost).member("now", unix_now()).end_object();
  return start_message(std::move(json).take() + writer_->init(), writer_->init().size());
}

VideoMessageRef VideoPort::make_jpeg_start(PictureSize size, const std::string& why) const {
  JsonWriter json;
  json.begin_object()
      .member("port", std::string_view(name_))
      .member("source", std::string_view(source_name_))
      .member("mode", "jpeg");
  write_text_or_null(json, "why", why);
  json.key("codec")
      .null()
      .member("mime", "image/jpeg")
      .member("width", size.width)
      .member("height", size.height);
  json.key("depth").null().member("shift", 0).member("rate", pictures_.rate());
  results_json_.write_known(json);
  json.member("most", VideoRing::kMost).member("now", unix_now()).end_object();
  return start_message(std::move(json).take(), 0);
}

double VideoPort::unix_time(TimePoint time) const {
  return unix_now() - Seconds(core_->clock()->now() - time).count();
}

VideoMessageRef VideoPort::gone_now(const Snapshot& seen) const {
  if (seen.graph.phase >= core::LifePhase::Ended)
    return gone_message("ended", phase_text(seen.graph.phase), std::nullopt);
  if (!tap_) return gone_message("unknown", "'" + name_ + "' was removed", std::nullopt);
  for (std::size_t i = 0; i < seen.graph.stats.nodes.size() && i < seen.away.size(); ++i) {
    if (seen.graph.stats.nodes[i].name != source_name_ || !seen.away[i]) continue;
    return gone_message("away", "the source '" + source_name_ + "' has no connection",
                        seen.time - *seen.away[i]);
  }
  return nullptr;
}

bool VideoPort::follow(const Snapshot& seen) {
  attach();
  if (clients_.empty() && kept_) return false;
  auto gone = gone_now(seen);
  if (static_cast<bool>(gone) == static_cast<bool>(gone_)) return false;
  begins_ = begins_ || gone;
  gone_ = std::move(gone);
  return true;
}

}  // namespace freshframe::serve
