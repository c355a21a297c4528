// Decodes a file once, through freshframe's source or in a bare loop on the same libav. Run by decode.py.
//
//   decode_bench bare|luma|bgr FILE THREADS
//
// Opens the file, decodes all of it and closes it. Prints the number of frames, and ms and CPU ms per frame, as JSON.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/clock.hpp"
#include "freshframe/media.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <stdexcept>
#include <string>

#include "media/ffmpeg/ptr.hpp"

namespace {

void require(int result) {
  if (result < 0) throw std::runtime_error("libav failed in the bare loop");
}

/// The simplest loop that accesses every luma plane. Returns the number of frames.
int bare(const std::string& path, int threads) {
  AVFormatContext* raw = nullptr;
  require(avformat_open_input(&raw, path.c_str(), nullptr, nullptr));
  const freshframe::media::InputPtr input(raw);
  require(avformat_find_stream_info(raw, nullptr));
  const AVCodec* codec = nullptr;
  const int index = av_find_best_stream(raw, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
  require(index);
  const auto decoder = freshframe::media::make_codec(codec);
  require(avcodec_parameters_to_context(decoder.get(), raw->streams[index]->codecpar));
  decoder->thread_count = threads;
  decoder->thread_type = FF_THREAD_FRAME | FF_THREAD_SLICE;
  require(avcodec_open2(decoder.get(), codec, nullptr));
  const auto packet = freshframe::media::make_av_packet();
  const auto frame = freshframe::media::make_av_frame();
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
    const auto* pixels =
        to_bgr ? item->value.to(freshframe::PixelFormat::Bgr).planes()[0].data : item->value.luma().data;
    frames += pixels != nullptr ? 1 : 0;
  }
  source->close();
  return frames;
}

double cpu_ms() {
  timespec spent{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  return 1e3 * static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) / 1e6;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string kind = argc == 4 ? argv[1] : "";
  if (kind != "bare" && kind != "luma" && kind != "bgr")
    throw std::runtime_error("usage: decode_bench bare|luma|bgr FILE THREADS");
  const std::string path = argv[2];
  const int threads = std::max(1, std::atoi(argv[3]));
  const auto cpu_began = cpu_ms();
  const auto began = std::chrono::steady_clock::now();
  const int frames = kind == "bare" ? bare(path, threads) : ours(path, threads, kind == "bgr");
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
  const auto cpu = cpu_ms() - cpu_began;
  if (frames == 0) throw std::runtime_error("no frames in " + path);
  std::printf(R"({"frames": %d, "ms": %.5f, "cpu_ms": %.5f, "libavcodec": "%s"})"
              "\n",
              frames, took.count() / frames, cpu / frames, freshframe::media_versions().avcodec.c_str());
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "decode_bench: %s\n", error.what());
  return 1;
}
