// The packets of a video file, as input of a decoder without a network.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstddef>
#include <string>
#include <vector>

#include "cpp/media/files.hpp"
#include "media/ffmpeg/ptr.hpp"
#include "sources/network/decoding/decoding_mode.hpp"

namespace freshframe::test {

struct Film {
  std::vector<media::AvPacketPtr> packets;
  media::CodecParametersPtr codec;
  AVRational time_base{};
};

inline Film film_of(const std::string& path) {
  const auto input = open_input(path);
  Film film;
  film.codec.reset(avcodec_parameters_alloc());
  require(avcodec_parameters_copy(film.codec.get(), input->streams[0]->codecpar));
  film.time_base = input->streams[0]->time_base;
  const auto packet = media::make_av_packet();
  while (av_read_frame(input.get(), packet.get()) >= 0) {
    film.packets.emplace_back(av_packet_clone(packet.get()));
    av_packet_unref(packet.get());
  }
  return film;
}

inline bool is_key_packet(const Film& film, std::size_t n) {
  return (film.packets.at(n)->flags & AV_PKT_FLAG_KEY) != 0;
}

/// The time at which packet `n` arrives, at 25 per second.
inline TimePoint film_time(std::size_t n) {
  return TimePoint{} + to_duration(Seconds(static_cast<double>(n) / 25));
}

/// `awake`: a source that is awake up to pts 1 decodes it.
inline media::ArrivedPacket arrived_packet(const Film& film, std::size_t n, bool awake = false) {
  const bool key = is_key_packet(film, n);
  return {.notes = {.arrived = film_time(n),
                    .can_begin = key,
                    .picture = {.refresh = key ? media::Refresh::All : media::Refresh::None}},
          .captured = film_time(n),
          .is_kept = true,
          .newest_pts = awake ? 0.0 : 2.0};
}

}  // namespace freshframe::test
