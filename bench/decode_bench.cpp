// Decoding a file to luma and to BGR: freshframe's source beside a bare loop on the same libav, as JSON.
//
//   decode_bench [--runs 7] [file ...]
//
// Without files it makes a 1280x720 and a 1920x1080 H.264 clip. Every run opens, decodes all and closes; runs
// of the kinds alternate, medians count. The bare loop runs twice per round: `spread` is how far its two
// medians differ, and a ratio within it says nothing. SPDX-License-Identifier: Apache-2.0
#include "freshframe/clock.hpp"
#include "freshframe/media.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "media/ffmpeg_ptr.hpp"
#include <time.h>

namespace {

using freshframe::Frame;
using freshframe::PixelFormat;

constexpr int kFrames = 240;

/// Texture that moves, with noise, so that the clip has the bitrate of a camera.
Frame picture(int number, int width, int height) {
  freshframe::FrameBuilder builder({.width = width, .height = height, .format = PixelFormat::I420});
  std::uint32_t random = static_cast<std::uint32_t>(number) * 2654435761U + 1;
  for (int y = 0; y < height; ++y) {
    auto* row = builder.plane(0) + y * builder.stride(0);
    for (int x = 0; x < width; ++x) {
      random = random * 1664525U + 1013904223U;
      const int wave = ((x + 3 * number) & 64) ^ ((y + 2 * number) & 64);
      const int noise = (random >> 24U) < 40 ? static_cast<int>(random >> 20U & 3U) : 0;
      row[x] = static_cast<std::uint8_t>(80 + wave + ((x * y) >> 9) % 40 + noise);
    }
  }
  for (int plane = 1; plane < 3; ++plane) {
    for (int y = 0; y < height / 2; ++y) {
      auto* row = builder.plane(plane) + y * builder.stride(plane);
      for (int x = 0; x < width / 2; ++x)
        row[x] = static_cast<std::uint8_t>(100 + (x + plane * y + number) % 56);
    }
  }
  return std::move(builder).publish(freshframe::pixel_ops());
}

std::string make_clip(const std::filesystem::path& folder, int width, int height) {
  const auto path = (folder / (std::to_string(width) + "x" + std::to_string(height) + ".mp4")).string();
  freshframe::NodeCounters counters;
  const auto clock = freshframe::Clock::real();
  const freshframe::Context context{{}, *clock, counters};
  freshframe::VideoFile file(path);
  file.open(context);
  for (int n = 0; n < kFrames; ++n) {
    freshframe::AnySample sample;
    sample.frame = picture(n, width, height);
    sample.stamp.pts = n / 30.0;
    static_cast<void>(file.process(freshframe::Sample<Frame>(std::move(sample)), context));
  }
  file.close();
  return path;
}

void require(int result) {
  if (result < 0) throw std::runtime_error("libav failed in the bare loop");
}

/// The plainest loop that gets at every luma plane. Returns the number of frames.
int bare(const std::string& path, int threads) {
  AVFormatContext* raw = nullptr;
  require(avformat_open_input(&raw, path.c_str(), nullptr, nullptr));
  const freshframe::InputPtr input(raw);
  require(avformat_find_stream_info(raw, nullptr));
  const AVCodec* codec = nullptr;
  const int index = av_find_best_stream(raw, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
  require(index);
  const auto decoder = freshframe::make_codec(codec);
  require(avcodec_parameters_to_context(decoder.get(), raw->streams[index]->codecpar));
  decoder->thread_count = threads;
  decoder->thread_type = FF_THREAD_FRAME | FF_THREAD_SLICE;
  require(avcodec_open2(decoder.get(), codec, nullptr));
  const auto packet = freshframe::make_av_packet();
  const auto frame = freshframe::make_av_frame();
  int frames = 0;
  for (bool more = true; more;) {
    more = av_read_frame(raw, packet.get()) >= 0;
    if (!more || packet->stream_index == index)
      avcodec_send_packet(decoder.get(), more ? packet.get() : nullptr);
    while (avcodec_receive_frame(decoder.get(), frame.get()) >= 0)
      frames += frame->data[0] != nullptr ? 1 : 0;
    av_packet_unref(packet.get());
  }
  return frames;
}

int ours(const std::string& path, int threads, bool to_bgr) {
  freshframe::NodeCounters counters;
  const auto clock = freshframe::Clock::real();
  const freshframe::Context context{{}, *clock, counters};
  const auto source = freshframe::open(path, {.decoder_threads = threads});
  source->open(context);
  int frames = 0;
  while (const auto item = source->read(context)) {
    const auto* pixels = to_bgr ? item->value.to(PixelFormat::Bgr).planes()[0].data : item->value.luma().data;
    frames += pixels != nullptr ? 1 : 0;
  }
  source->close();
  return frames;
}

enum Kind { kBare, kLuma, kBareAgain, kBgr, kKinds };

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double milliseconds(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

/// ms per frame of each kind, run by run.
struct Times {
  explicit Times(clockid_t which) : clock(which) {}
  clockid_t clock;
  std::array<std::vector<double>, kKinds> all;
  double began = 0;

  void start() { began = milliseconds(clock); }
  void stop(std::size_t kind, int frames) { all[kind].push_back((milliseconds(clock) - began) / frames); }

  void print(const char* name) const {
    const double a = median(all[kBare]);
    const double b = median(all[kBareAgain]);
    const double luma = median(all[kLuma]);
    std::printf(
        "\"%s\": {\"bare\": %.4f, \"spread\": %.4f, \"luma\": %.4f, \"speed_of_bare\": %.4f, \"bgr\": %.4f}",
        name, (a + b) / 2, std::max(a, b) / std::min(a, b) - 1, luma, (a + b) / 2 / luma, median(all[kBgr]));
  }
};

void measure(const std::string& path, int threads, int runs, bool last) {
  const std::array<std::function<int()>, kKinds> work = {
      [&] { return bare(path, threads); }, [&] { return ours(path, threads, false); },
      [&] { return bare(path, threads); }, [&] { return ours(path, threads, true); }};
  Times processor(CLOCK_PROCESS_CPUTIME_ID);
  Times wall(CLOCK_MONOTONIC);
  const int frames = bare(path, threads);  // warms the caches, too
  for (int run = 0; run < runs; ++run) {
    for (int i = 0; i < kKinds; ++i) {
      const auto kind = static_cast<std::size_t>((i + run) % kKinds);  // nobody is always the first
      processor.start();
      wall.start();
      if (work[kind]() != frames) throw std::runtime_error("frames are missing");
      processor.stop(kind, frames);
      wall.stop(kind, frames);
    }
  }
  std::printf("  {\"clip\": \"%s\", \"kbytes\": %ld, \"threads\": %d, \"frames\": %d, ",
              std::filesystem::path(path).filename().c_str(),
              static_cast<long>(std::filesystem::file_size(path) / 1000), threads, frames);
  processor.print("cpu_ms");
  std::printf(", ");
  wall.print("wall_ms");
  std::printf("}%s\n", last ? "" : ",");
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) try {
  int runs = 7;
  std::vector<std::string> clips;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--runs" && i + 1 < argc) {
      runs = std::max(1, std::atoi(argv[++i]));
    } else {
      clips.push_back(argument);
    }
  }
  std::string folder = (std::filesystem::temp_directory_path() / "decode-bench-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
  if (clips.empty()) clips = {make_clip(folder, 1280, 720), make_clip(folder, 1920, 1080)};
  std::printf("{\"bench\": \"decode\", \"libavcodec\": \"%s\", \"runs\": %d, \"rows\": [\n",
              freshframe::media_versions().avcodec.c_str(), runs);
  for (std::size_t i = 0; i < clips.size(); ++i) {
    for (const int threads : {1, 2}) measure(clips[i], threads, runs, i + 1 == clips.size() && threads == 2);
  }
  std::printf("]}\n");
  std::filesystem::remove_all(folder);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "decode_bench: %s\n", error.what());
  return 1;
}
