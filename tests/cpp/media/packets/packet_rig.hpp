// Packets of a live source, and the contents of files of such packets.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/error.hpp"
#include "freshframe/media.hpp"
#include "freshframe/packet_nodes.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cpp/media/files.hpp"
#include "cpp/sources/network/live_server.hpp"
#include "cpp/support.hpp"
#include "media/packets/packet_completion.hpp"

namespace freshframe::test {

inline constexpr int kCopied = 60;

/// Returns a transport stream of numbered frames with a keyframe every second.
inline Bytes streamed(const Folder& folder, const std::string& codec,
                      std::map<std::string, std::string> options, int count = kCopied) {
  const auto path =
      write_video(folder.file("stream.ts"), count, {.codec = codec, .options = std::move(options)});
  return read_bytes(path);
}

inline AnySample packet_sample(Packet packet) {
  AnySample sample;
  sample.stamp.pts = packet.pts;
  sample.stamp.damaged = packet.damaged;
  sample.value = ValueRef::make<Packet>(std::move(packet));
  return sample;
}

/// Returns all packets of a file, completed as a source of that stream would.
inline std::vector<AnySample> completed(const std::string& path) {
  const auto input = open_input(path);
  const auto& stream = *input->streams[0];
  PacketCompletion completion;
  completion.connect(*stream.codecpar);
  std::vector<AnySample> samples;
  const auto take = [&](std::vector<PacketCompletion::Completed> some) {
    for (auto& each : some) samples.push_back(packet_sample(std::move(each.packet)));
  };
  const auto packet = make_av_packet();
  while (av_read_frame(input.get(), packet.get()) >= 0) {
    const double time = static_cast<double>(packet->pts) * av_q2d(stream.time_base);
    take(completion.add(*packet, {.key = (packet->flags & AV_PKT_FLAG_KEY) != 0, .time = time}));
    av_packet_unref(packet.get());
  }
  take(completion.complete_waiting());
  return samples;
}

/// The output of a live source: packets, and frames if they were requested.
struct Received {
  std::vector<AnySample> packets;
  std::vector<double> frames;  // the pts of each frame
};

inline Received received(const Bytes& bytes, bool with_frames = true) {
  const ByteServer server(bytes);
  Hand hand;
  Received result;
  const auto source = open(server.url(), {.reconnect = false});
  const auto packets = make_packet_source(*source);
  if (!with_frames) take_frames(*source, false);
  source->open(hand.context());
  try {
    while (const auto frame = source->read(hand.context())) result.frames.push_back(frame->pts);
  } catch (const SourceError&) {  // the end of a live stream
  }
  source->close();
  while (auto item = packets->read(hand.context()))
    result.packets.push_back(packet_sample(std::move(item->value)));
  return result;
}

/// Returns the coded slices of an H.264 file, without start codes and lengths.
inline std::vector<std::vector<std::uint8_t>> slices(const std::string& path) {
  const auto input = open_input(path);
  const auto& parameters = *input->streams[0]->codecpar;
  const bool lengths = parameters.extradata_size > 0 && parameters.extradata[0] == 1;
  std::vector<std::vector<std::uint8_t>> found;
  const auto packet = make_av_packet();
  const auto add = [&](const std::uint8_t* begin, const std::uint8_t* end) {
    while (end > begin && end[-1] == 0) --end;
    if (begin < end && (*begin & 31) >= 1 && (*begin & 31) <= 5) found.emplace_back(begin, end);
  };
  while (av_read_frame(input.get(), packet.get()) >= 0) {
    const auto* const data = packet->data;
    const auto* const end = data + packet->size;
    if (lengths) {
      for (const auto* at = data; at + 4 <= end;) {
        const auto size =
            std::uint32_t{at[0]} << 24 | std::uint32_t{at[1]} << 16 | std::uint32_t{at[2]} << 8 | at[3];
        add(at + 4, at + 4 + size);
        at += 4 + size;
      }
    } else {
      constexpr std::uint8_t kCode[3] = {0, 0, 1};
      for (const auto* at = std::search(data, end, kCode, kCode + 3); at != end;) {
        const auto* const next = std::search(at + 3, end, kCode, kCode + 3);
        add(at + 3, next);
        at = next;
      }
    }
    av_packet_unref(packet.get());
  }
  return found;
}

}  // namespace freshframe::test
