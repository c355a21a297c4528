// Smart pointers for FFmpeg's handles. No other code in media frees them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "media/ffmpeg/handles.hpp"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/dict.h>
#include <libavutil/frame.h>
#include <libswscale/swscale.h>
}

#if LIBAVFORMAT_VERSION_MAJOR < 59
#error "freshframe needs FFmpeg 5.1 or newer (libavformat 59)"
#endif

namespace freshframe::media {

struct FreeFrame {
  void operator()(AVFrame* frame) const noexcept { av_frame_free(&frame); }
};
struct FreePacket {
  void operator()(AVPacket* packet) const noexcept { av_packet_free(&packet); }
};
struct FreeCodec {
  void operator()(AVCodecContext* codec) const noexcept { avcodec_free_context(&codec); }
};
struct CloseParser {
  void operator()(AVCodecParserContext* parser) const noexcept { av_parser_close(parser); }
};
struct FreeCodecParameters {
  void operator()(AVCodecParameters* parameters) const noexcept { avcodec_parameters_free(&parameters); }
};
struct CloseInput {
  void operator()(AVFormatContext* input) const noexcept { avformat_close_input(&input); }
};
struct FreeOutput {
  void operator()(AVFormatContext* output) const noexcept { avformat_free_context(output); }
};
struct CloseIo {
  void operator()(AVIOContext* io) const noexcept { avio_closep(&io); }
};
/// Frees a context of avio_alloc_context() and its buffer.
struct FreeIo {
  void operator()(AVIOContext* io) const noexcept {
    av_freep(static_cast<void*>(&io->buffer));
    avio_context_free(&io);
  }
};
struct FreeScaler {
  void operator()(SwsContext* scaler) const noexcept { sws_freeContext(scaler); }
};

using AvPacketPtr = std::unique_ptr<AVPacket, FreePacket>;
using CodecPtr = std::unique_ptr<AVCodecContext, FreeCodec>;
using CodecParametersPtr = std::unique_ptr<AVCodecParameters, FreeCodecParameters>;
using ParserPtr = std::unique_ptr<AVCodecParserContext, CloseParser>;
using InputPtr = std::unique_ptr<AVFormatContext, CloseInput>;
using OutputPtr = std::unique_ptr<AVFormatContext, FreeOutput>;
using IoPtr = std::unique_ptr<AVIOContext, CloseIo>;
using OwnIoPtr = std::unique_ptr<AVIOContext, FreeIo>;
using ScalerPtr = std::unique_ptr<SwsContext, FreeScaler>;

[[nodiscard]] inline AvFramePtr make_av_frame() {
  AvFramePtr frame(av_frame_alloc());
  if (!frame) throw std::bad_alloc();
  return frame;
}

[[nodiscard]] inline AvPacketPtr make_av_packet() {
  AvPacketPtr packet(av_packet_alloc());
  if (!packet) throw std::bad_alloc();
  return packet;
}

[[nodiscard]] inline CodecPtr make_codec(const AVCodec* codec) {
  CodecPtr context(avcodec_alloc_context3(codec));
  if (!context) throw std::bad_alloc();
  return context;
}

/// `make(buffer)` must return a context of avio_alloc_context() that uses the buffer, or null.
template <class Make>
[[nodiscard]] OwnIoPtr make_own_io(int buffer_bytes, const Make& make) {
  const auto free_buffer = [](std::uint8_t* buffer) { av_free(buffer); };
  std::unique_ptr<std::uint8_t, decltype(free_buffer)> buffer(
      static_cast<std::uint8_t*>(av_malloc(static_cast<std::size_t>(buffer_bytes))), free_buffer);
  if (!buffer) throw std::bad_alloc();
  OwnIoPtr io(make(buffer.get()));
  if (!io) throw std::bad_alloc();
  static_cast<void>(buffer.release());  // now owned by the context
  return io;
}

/// Creates a context for a muxer, which calls write(opaque, data, size). `seek`: null if it cannot seek.
template <int (*write)(void*, const std::uint8_t*, int) noexcept>
[[nodiscard]] OwnIoPtr make_writing_io(int buffer_bytes, void* opaque,
                                       std::int64_t (*seek)(void*, std::int64_t, int)) {
#if LIBAVFORMAT_VERSION_MAJOR >= 61
  constexpr auto kWrite = write;
#else
  constexpr auto kWrite = [](void* to, std::uint8_t* data, int size) { return write(to, data, size); };
#endif
  return make_own_io(buffer_bytes, [&](std::uint8_t* buffer) {
    return avio_alloc_context(buffer, buffer_bytes, 1, opaque, nullptr, kWrite, seek);
  });
}

/// Creates a context for a demuxer, which calls read(opaque, to, size). Not seekable. `write`: receives what
/// the demuxer sends, such as receiver reports.
[[nodiscard]] inline OwnIoPtr make_reading_io(int buffer_bytes, void* opaque,
                                              decltype(AVIOContext::read_packet) read,
                                              decltype(AVIOContext::write_packet) write = nullptr) {
  return make_own_io(buffer_bytes, [&](std::uint8_t* buffer) {
    return avio_alloc_context(buffer, buffer_bytes, 0, opaque, read, write, nullptr);
  });
}

/// FFmpeg options. FFmpeg's functions remove the entries that they know and leave the others.
class Dictionary {
 public:
  Dictionary() = default;
  explicit Dictionary(const std::map<std::string, std::string>& entries) {
    for (const auto& [key, value] : entries) set(key, value);
  }
  Dictionary(Dictionary&& other) noexcept : entries_(std::exchange(other.entries_, nullptr)) {}
  Dictionary& operator=(Dictionary other) noexcept {
    std::swap(entries_, other.entries_);
    return *this;
  }
  ~Dictionary() { av_dict_free(&entries_); }

  [[nodiscard]] Dictionary copy() const {
    Dictionary result;
    if (av_dict_copy(&result.entries_, entries_, 0) < 0) throw std::bad_alloc();
    return result;
  }
  void set(const std::string& key, const std::string& value) {
    if (av_dict_set(&entries_, key.c_str(), value.c_str(), 0) < 0) throw std::bad_alloc();
  }
  void remove(const std::string& key) noexcept { av_dict_set(&entries_, key.c_str(), nullptr, 0); }
  [[nodiscard]] AVDictionary** out() noexcept { return &entries_; }
  /// Returns the entries that no function has removed, as "'a', 'b'"; empty if none is left.
  [[nodiscard]] std::string leftovers() const {
    std::string names;
    const AVDictionaryEntry* entry = nullptr;
    while ((entry = av_dict_get(entries_, "", entry, AV_DICT_IGNORE_SUFFIX)) != nullptr) {
      names += (names.empty() ? "'" : ", '") + std::string(entry->key) + "'";
    }
    return names;
  }

 private:
  AVDictionary* entries_ = nullptr;
};

}  // namespace freshframe::media
