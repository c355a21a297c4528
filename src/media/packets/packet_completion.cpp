// Completes the packets of a live stream: timestamps, durations and stream parameters.
// SPDX-License-Identifier: Apache-2.0
#include "media/packets/packet_completion.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace freshframe::media {
namespace {

constexpr std::size_t kReorderWindow = 16;  // in frames; no codec reorders more
constexpr double kUsualStep = 1.0 / 25;     // seconds

}  // namespace

void PacketCompletion::connect(const AVCodecParameters& known, const Orientation& orientation) {
  reader_.emplace(known, orientation);
  stream_ = nullptr;
  times_.reset();
  waiting_.clear();
  begun_ = false;
  timeline_.restart();
}

std::vector<PacketCompletion::Completed> PacketCompletion::add(const AVPacket& packet, const About& about) {
  if (!begun_ && !about.key) return {};
  begun_ = true;
  std::vector<Completed> ready;
  if (auto stream = about.key ? reader_->read(packet) : nullptr) {
    if (stream_) ready = complete_waiting();
    stream_ = std::move(stream);
    begin_times();
  }
  if (!stream_) {  // until there is a keyframe that has all parameter sets
    begun_ = false;
    return {};
  }
  AvPacketPtr own(av_packet_clone(&packet));
  if (!own) throw std::bad_alloc();
  av_packet_free_side_data(own.get());  // muxers would write the demuxer's side data
  waiting_.push_back({.packet = std::move(own), .about = about});
  const bool lacks_time = !waiting_.front().about.time && waiting_.size() == 1 && !ready.empty();
  if (lacks_time || (!times_ && waiting_.size() < kReorderWindow)) return ready;
  for (auto& each : complete_waiting()) ready.push_back(std::move(each));
  return ready;
}

void PacketCompletion::begin_times() {
  times_.reset();
  const auto& parameters = make_parameters(*stream_);
  if (parameters.depth_is_known) times_.emplace(parameters.depth);
}

/// Returns the largest number of frames that are decoded before another frame but shown after it.
int PacketCompletion::count_waiting() const {
  std::ptrdiff_t depth = 0;
  for (auto one = waiting_.begin(); one != waiting_.end(); ++one) {
    if (!one->about.time) continue;
    depth = std::max(depth, std::count_if(waiting_.begin(), one, [&](const Waiting& other) {
                       return other.about.time && *other.about.time > *one->about.time;
                     }));
  }
  return static_cast<int>(depth);
}

/// FFmpeg's RTSP demuxer gives the first packet no timestamp.
void PacketCompletion::guess_first_time() {
  if (waiting_.size() < 2 || waiting_.front().about.time) return;
  std::optional<double> next;
  for (const auto& each : waiting_) {
    if (each.about.time) next = std::min(next.value_or(*each.about.time), *each.about.time);
  }
  if (next) waiting_.front().about.time = *next - kUsualStep;
}

std::vector<PacketCompletion::Completed> PacketCompletion::complete_waiting() {
  guess_first_time();
  if (!times_) times_.emplace(count_waiting());
  std::vector<Completed> ready;
  for (auto& each : waiting_) ready.push_back(complete(each));
  waiting_.clear();
  return ready;
}

PacketCompletion::Completed PacketCompletion::complete(Waiting& waiting) {
  const double pts = timeline_.place(waiting.about.time, waiting.about.captured);
  const double step = pts - last_pts_;
  last_pts_ = pts;
  Completed result;
  auto& packet = result.packet;
  packet.data = {waiting.packet->data, static_cast<std::size_t>(std::max(0, waiting.packet->size))};
  packet.pts = pts;
  packet.dts = times_->next(pts);
  packet.duration = step > 0 && step < 1 ? step : 0;
  packet.is_keyframe = waiting.about.key;
  packet.damaged = waiting.about.damaged;
  packet.stream = stream_;
  packet.owner = std::shared_ptr<const AVPacket>(std::move(waiting.packet));
  result.captured = waiting.about.captured;
  result.utc = waiting.about.utc;
  result.pace = waiting.about.pace;
  return result;
}

}  // namespace freshframe::media
