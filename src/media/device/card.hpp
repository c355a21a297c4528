// A graphics card that decodes: its context in this process, and what it can decode.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/forks.hpp"

#include <memory>
#include <string>
#include <thread>

#include "media/device/cuda_driver.hpp"

extern "C" {
#include <libavcodec/codec_id.h>
#include <libavutil/buffer.h>
#include <libavutil/frame.h>
#include <libavutil/pixfmt.h>
}

namespace freshframe::media {

/// Note [One context]
/// All decoders on a card share its primary context, as PyTorch, CuPy and ONNX Runtime do. freshframe retains it and
/// gives it to FFmpeg: FFmpeg itself refuses to take it after another library has set its flags. Making it takes 0.2 s and
/// 500 MiB, so a source keeps the card from its open() to its close(), over all of its connections.
///
/// Thread-safe.
class Card {
 public:
  /// The pictures of a stream. A number of 0 and AV_PIX_FMT_NONE are not known yet.
  struct Stream {
    AVCodecID codec = AV_CODEC_ID_NONE;
    AVPixelFormat format = AV_PIX_FMT_NONE;
    int width = 0;
    int height = 0;

    bool operator==(const Stream&) const = default;
  };
  struct Found {
    std::shared_ptr<Card> card;
    std::string reason = {};  // why it is null
  };

  /// The card of this index, as CUDA counts. There is one object for each while somebody keeps it.
  [[nodiscard]] static Found open(int index);

  Card(const CudaDriver& driver, int index, void* context, AVBufferRef* device) noexcept
      : driver_(driver), index_(index), context_(context), device_(device) {}
  Card(const Card&) = delete;
  Card& operator=(const Card&) = delete;
  ~Card();

  /// "cuda:0".
  [[nodiscard]] std::string name() const { return "cuda:" + std::to_string(index_); }
  /// For AVCodecContext::hw_device_ctx. Returns null without memory.
  [[nodiscard]] AVBufferRef* reference() const { return av_buffer_ref(device_); }
  /// Returns the reason why it does not decode the stream, such as "it does not decode av1", or nothing.
  [[nodiscard]] std::string refusal(const Stream& stream) const;
  /// Copies a picture's planes into the memory of `host`, which is NV12. Returns after the copy, with 0 or the driver's
  /// error: FFmpeg 5 returns success even for a copy that failed.
  [[nodiscard]] int copy_to_host(const AVFrame& picture, const AVFrame& host) const;

 private:
  const CudaDriver& driver_;
  const int index_;
  void* const context_;
  AVBufferRef* const device_;
  const forks::Birthplace birthplace_;
};

/// Opens a card on another thread, because making its context takes 0.2 s. One thread uses it.
class CardOpening {
 public:
  explicit CardOpening(int index);
  /// Waits for the card. Call it once.
  [[nodiscard]] Card::Found take();

 private:
  Card::Found found_;  // written by thread_
  std::jthread thread_;
};

}  // namespace freshframe::media
