// Shared by the media tests: generated files, frames that show their number, a source that the test drives,
// and a plain libav loop as the reference.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/media.hpp"

#include <cstdint>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "cpp/temporary_folder.hpp"
#include "media/ffmpeg/ptr.hpp"

namespace freshframe::test {

using namespace freshframe::media;  // NOLINT(google-build-using-namespace)

using Bytes = std::vector<char>;

inline Bytes read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline void write_bytes(const std::string& path, const Bytes& bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

inline constexpr int kWidth = 192;
inline constexpr int kHeight = 96;
inline constexpr int kBlock = 16;  // pixels per bit, along the top row
inline constexpr int kBits = 12;

/// Returns an I420 frame in limited range: the number as black and white blocks, and below it a moving gradient.
inline Frame numbered_frame(int number, int width = kWidth, int height = kHeight) {
  FrameBuilder builder({.width = width, .height = height, .format = PixelFormat::I420});
  for (int y = 0; y < height; ++y) {
    auto* row = builder.plane(0) + y * builder.stride(0);
    for (int x = 0; x < width; ++x) row[x] = static_cast<std::uint8_t>(40 + (x + y + 3 * number) % 160);
    for (int bit = 0; bit < kBits && y < kBlock; ++bit) {
      std::memset(row + bit * kBlock, (number >> bit) & 1 ? 235 : 16, kBlock);
    }
  }
  for (int plane = 1; plane < 3; ++plane) {
    for (int y = 0; y < (height + 1) / 2; ++y) {
      auto* row = builder.plane(plane) + y * builder.stride(plane);
      for (int x = 0; x < (width + 1) / 2; ++x) row[x] = static_cast<std::uint8_t>(96 + (x + plane * y) % 64);
    }
  }
  return std::move(builder).publish(pixel_ops());
}

inline int number_of(const Frame& frame) {
  const Plane luma = frame.luma();
  int number = 0;
  for (int bit = 0; bit < kBits; ++bit) {
    if (luma.row(kBlock / 2)[bit * kBlock + kBlock / 2] > 127) number |= 1 << bit;
  }
  return number;
}

inline Bytes packed_luma(const Plane& luma) {
  Bytes bytes;
  for (int y = 0; y < luma.rows; ++y) bytes.insert(bytes.end(), luma.row(y), luma.row(y) + luma.row_bytes);
  return bytes;
}

/// Calls a node as the engine would, on the calling thread.
struct Hand {
  std::shared_ptr<const Clock> clock = Clock::real();
  std::stop_source stop;
  NodeCounters counters;

  [[nodiscard]] Context context() { return {stop.get_token(), *clock, counters}; }
  [[nodiscard]] std::uint64_t damaged() const { return counters.drops(NodeDropCause::Decode); }
};

struct Played {
  std::vector<int> numbers;
  std::vector<double> pts;
  std::vector<Bytes> lumas;
  std::uint64_t damaged = 0;
  VideoInfo info;
};

/// Opens the source, reads at most `most` frames and closes it.
inline Played play(const std::string& path, const OpenOptions& options = {},
                   std::size_t most = std::numeric_limits<std::size_t>::max()) {
  Hand hand;
  Played played;
  const auto source = open(path, options);
  source->open(hand.context());
  played.info = source->info();
  while (played.numbers.size() < most) {
    const auto item = source->read(hand.context());
    if (!item) break;
    played.numbers.push_back(number_of(item->value));
    played.pts.push_back(item->pts);
    played.lumas.push_back(packed_luma(item->value.luma()));
  }
  source->close();
  played.damaged = hand.damaged();
  return played;
}

inline void write_frame(NodeBase& file, Hand& hand, Frame frame, double pts) {
  AnySample sample;
  sample.frame = std::move(frame);
  sample.stamp.pts = pts;
  static_cast<void>(file.process_any(sample, hand.context()));
}

/// Writes `count` numbered frames. Returns the path.
inline std::string write_video(const std::string& path, int count, const VideoFileOptions& options = {},
                               double fps = 25) {
  Hand hand;
  VideoFile file(path, options);
  file.open(hand.context());
  for (int n = 0; n < count; ++n) write_frame(file, hand, numbered_frame(n), n / fps);
  file.close();
  return path;
}

/// 0, 1, 2, ... count - 1
inline std::vector<int> counting(int count) {
  std::vector<int> numbers;
  for (int n = 0; n < count; ++n) numbers.push_back(n);
  return numbers;
}

inline void require(int result) {
  if (result < 0) throw std::runtime_error("libav failed in the test's own loop");
}

/// `probes`: also reads packets, until the stream parameters that are not in the container's header are known.
inline InputPtr open_input(const std::string& path, bool probes = true) {
  AVFormatContext* input = nullptr;
  require(avformat_open_input(&input, path.c_str(), nullptr, nullptr));
  InputPtr owned(input);
  if (probes) require(avformat_find_stream_info(input, nullptr));
  return owned;
}

/// Decodes the luma of each frame with the simplest possible libav loop, on one thread.
inline std::vector<Bytes> bare_lumas(const std::string& path) {
  const auto input = open_input(path);
  const AVCodec* codec = nullptr;
  const int index = av_find_best_stream(input.get(), AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
  require(index);
  const auto decoder = make_codec(codec);
  require(avcodec_parameters_to_context(decoder.get(), input->streams[index]->codecpar));
  decoder->thread_count = 1;
  require(avcodec_open2(decoder.get(), codec, nullptr));
  const auto packet = make_av_packet();
  const auto frame = make_av_frame();
  std::vector<Bytes> lumas;
  for (bool more = true; more;) {
    more = av_read_frame(input.get(), packet.get()) >= 0;
    if (!more || packet->stream_index == index)
      avcodec_send_packet(decoder.get(), more ? packet.get() : nullptr);
    while (avcodec_receive_frame(decoder.get(), frame.get()) >= 0) {
      lumas.push_back(packed_luma({frame->data[0], frame->height, frame->width, frame->linesize[0]}));
    }
    av_packet_unref(packet.get());
  }
  return lumas;
}

/// Writes `count` frames at 25 fps, encoded with FFmpeg's defaults. `paint` fills each of them.
inline void write_encoded(const std::string& path, AVCodecID id, AVPixelFormat format, int count,
                          const std::function<void(AVFrame&, int)>& paint) {
  AVFormatContext* raw = nullptr;
  require(avformat_alloc_output_context2(&raw, nullptr, nullptr, path.c_str()));
  const OutputPtr output(raw);
  const AVCodec* codec = avcodec_find_encoder(id);
  const auto encoder = make_codec(codec);
  encoder->width = kWidth;
  encoder->height = kHeight;
  encoder->pix_fmt = format;
  encoder->time_base = {1, 25};
  encoder->thread_count = 1;
  require(avcodec_open2(encoder.get(), codec, nullptr));
  AVStream* stream = avformat_new_stream(raw, nullptr);
  stream->time_base = encoder->time_base;
  require(avcodec_parameters_from_context(stream->codecpar, encoder.get()));
  require(avio_open(&raw->pb, path.c_str(), AVIO_FLAG_WRITE));
  const IoPtr io(raw->pb);
  require(avformat_write_header(raw, nullptr));
  const auto packet = make_av_packet();
  for (int n = 0; n <= count; ++n) {
    const auto frame = make_av_frame();
    frame->width = kWidth;
    frame->height = kHeight;
    frame->format = format;
    frame->pts = n;
    if (n < count) {
      require(av_frame_get_buffer(frame.get(), 0));
      paint(*frame, n);
    }
    require(avcodec_send_frame(encoder.get(), n < count ? frame.get() : nullptr));
    while (avcodec_receive_packet(encoder.get(), packet.get()) >= 0) {
      av_packet_rescale_ts(packet.get(), encoder->time_base, stream->time_base);
      require(av_write_frame(raw, packet.get()));
      av_packet_unref(packet.get());
    }
  }
  require(av_write_trailer(raw));
}

/// Like write_encoded(), with FFmpeg's lossless codec.
inline void write_ffv1(const std::string& path, AVPixelFormat format, int count,
                       const std::function<void(AVFrame&, int)>& paint) {
  write_encoded(path, AV_CODEC_ID_FFV1, format, count, paint);
}

}  // namespace freshframe::test
