// A GPU that decodes video: its CUDA context in this process, and what it can decode.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/forks.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "media/device/cuda_driver.hpp"

extern "C" {
#include <libavcodec/codec_id.h>
#include <libavutil/buffer.h>
#include <libavutil/frame.h>
#include <libavutil/pixfmt.h>
}

namespace freshframe::media {

/// A block of GPU memory.
struct CardBlock {
  std::uint64_t address = 0;
  std::size_t bytes = 0;
  void* whole = nullptr;  // event recorded after the last write
  // Events recorded after reads on other streams; guarded by the pool's mutex.
  mutable std::vector<void*> readers = {};
};

/// The parts of a Card.
struct CardParts {
  int index = 0;
  void* context = nullptr;
  void* stream = nullptr;           // used by decoders, and for copies within the GPU
  void* download_stream = nullptr;  // for copies to the host
  AVBufferRef* device = nullptr;    // FFmpeg's
  std::size_t free_bytes = 0;       // free memory when the GPU was opened
};

/// Note [One context]
/// All decoders on a GPU share its primary context, as PyTorch, CuPy and ONNX Runtime do. freshframe retains
/// it and passes it to FFmpeg, because FFmpeg refuses to retain it if another library has set its flags.
/// Creating it takes 0.2 s and 500 MiB, so a source keeps the GPU from open() to close(), across all
/// connections.
///
/// Thread-safe.
class Card {
 public:
  /// Properties of a stream. 0 and AV_PIX_FMT_NONE mean unknown.
  struct Stream {
    AVCodecID codec = AV_CODEC_ID_NONE;
    AVPixelFormat format = AV_PIX_FMT_NONE;
    int width = 0;
    int height = 0;

    bool operator==(const Stream&) const = default;
  };
  struct Found {
    std::shared_ptr<Card> card;
    std::string reason = {};  // why the GPU cannot be used; empty if it can
  };

  /// Opens the GPU with this CUDA index. All users of an index share one object.
  [[nodiscard]] static Found open(int index);

  Card(const CudaDriver& driver, const CardParts& parts) noexcept : driver_(driver), parts_(parts) {}
  Card(const Card&) = delete;
  Card& operator=(const Card&) = delete;
  ~Card();

  /// "cuda:0".
  [[nodiscard]] std::string name() const { return "cuda:" + std::to_string(parts_.index); }
  [[nodiscard]] int index() const noexcept { return parts_.index; }
  [[nodiscard]] const CudaDriver& driver() const noexcept { return driver_; }
  [[nodiscard]] void* context() const noexcept { return parts_.context; }
  [[nodiscard]] void* stream() const noexcept { return parts_.stream; }
  [[nodiscard]] void* download_stream() const noexcept { return parts_.download_stream; }
  /// Bytes that a pipeline's frames may take, unless the user sets another limit.
  [[nodiscard]] std::size_t most_bytes() const noexcept { return parts_.free_bytes / 4; }
  /// For AVCodecContext::hw_device_ctx. Returns null if out of memory.
  [[nodiscard]] AVBufferRef* reference() const { return av_buffer_ref(parts_.device); }
  /// Allocates memory for writes on stream(). Returns nullopt if the GPU has none.
  [[nodiscard]] std::optional<CardBlock> take(std::size_t bytes);
  /// Returns the block to the pool for reuse, or frees it.
  void give(CardBlock block) noexcept;
  /// Records that work queued on `stream` so far may read the block.
  void note_reader(const CardBlock& block, void* stream) noexcept;
  /// Returns why it cannot decode the stream, such as "it does not decode av1", or an empty string.
  [[nodiscard]] std::string refusal(const Stream& stream) const;
  /// Copies a frame's planes to `host`, which must be NV12. Returns after the copy, with 0 or the driver's
  /// error code: FFmpeg 5 reports success even if the copy failed.
  [[nodiscard]] int copy_to_host(const AVFrame& picture, const AVFrame& host) const;

 private:
  [[nodiscard]] std::optional<CardBlock> take_idle(std::size_t bytes);
  [[nodiscard]] std::optional<CardBlock> make_block(std::size_t bytes) const;
  void free_idle() noexcept;
  void free_block(const CardBlock& block) const noexcept;

  /// The mutex of the pools of all GPUs. The first call creates its Hold, so the caller must not hold any
  /// mutex then.
  [[nodiscard]] static std::mutex& get_pool_mutex();

  const CudaDriver& driver_;
  const CardParts parts_;
  const forks::Birthplace birthplace_;
  std::mutex& mutex_ = get_pool_mutex();
  std::map<std::size_t, std::vector<CardBlock>> idle_;  // by size; guarded by mutex_, as is the next member
  std::size_t idle_bytes_ = 0;
};

/// Returns the first chroma row of a decoder's surface. A surface has an even number of rows, but FFmpeg
/// computes the chroma address from the frame's height, which may be odd.
[[nodiscard]] std::size_t find_chroma_row(const AVFrame& picture);

/// Makes a GPU's context current on this thread, for driver calls.
class CurrentContext {
 public:
  explicit CurrentContext(const Card& card) : CurrentContext(card.driver(), card.context()) {}
  CurrentContext(const CudaDriver& driver, void* context)
      : driver_(driver), is_current_(driver.push_context(context) == 0) {}
  CurrentContext(const CurrentContext&) = delete;
  CurrentContext& operator=(const CurrentContext&) = delete;
  ~CurrentContext() {
    if (is_current_) static_cast<void>(driver_.pop_context(nullptr));
  }

 private:
  const CudaDriver& driver_;
  const bool is_current_;
};

/// Opens a GPU on another thread, because creating its context takes 0.2 s. Not thread-safe.
class CardOpening {
 public:
  explicit CardOpening(int index);
  /// Waits for the GPU. Call once.
  [[nodiscard]] Card::Found take();

 private:
  Card::Found found_;  // written by thread_
  std::jthread thread_;
};

}  // namespace freshframe::media
