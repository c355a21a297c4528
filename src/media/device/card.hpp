// A graphics card that decodes: its context in this process, and what it can decode.
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

/// A piece of a card's memory.
struct CardBlock {
  std::uint64_t address = 0;
  std::size_t bytes = 0;
  void* whole = nullptr;                    // the event after its last writing
  mutable std::vector<void*> readers = {};  // events after others' reading; guarded by the pool's mutex
};

/// The parts of a Card.
struct CardParts {
  int index = 0;
  void* context = nullptr;
  void* stream = nullptr;           // of decoders, and of copies on the card
  void* download_stream = nullptr;  // of copies to the host
  AVBufferRef* device = nullptr;    // FFmpeg's
  std::size_t free_bytes = 0;       // at first
};

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
  /// The bytes that the pictures of a pipeline may take, unless its user sets another limit.
  [[nodiscard]] std::size_t most_bytes() const noexcept { return parts_.free_bytes / 4; }
  /// For AVCodecContext::hw_device_ctx. Returns null without memory.
  [[nodiscard]] AVBufferRef* reference() const { return av_buffer_ref(parts_.device); }
  /// Memory that stream() may write. Returns nothing if the card has none.
  [[nodiscard]] std::optional<CardBlock> take(std::size_t bytes);
  /// Keeps it for the next picture of this size, or frees it.
  void give(CardBlock block) noexcept;
  /// The work that `stream` has got so far may read the block.
  void note_reader(const CardBlock& block, void* stream) noexcept;
  /// Returns the reason why it does not decode the stream, such as "it does not decode av1", or nothing.
  [[nodiscard]] std::string refusal(const Stream& stream) const;
  /// Copies a picture's planes into the memory of `host`, which is NV12. Returns after the copy, with 0 or the driver's
  /// error: FFmpeg 5 returns success even for a copy that failed.
  [[nodiscard]] int copy_to_host(const AVFrame& picture, const AVFrame& host) const;

 private:
  [[nodiscard]] std::optional<CardBlock> take_idle(std::size_t bytes);
  [[nodiscard]] std::optional<CardBlock> make_block(std::size_t bytes) const;
  void free_idle() noexcept;
  void free_block(const CardBlock& block) const noexcept;

  /// The mutex of the pools of all cards. The first call makes its Hold: no mutex may be held then.
  [[nodiscard]] static std::mutex& get_pool_mutex();

  const CudaDriver& driver_;
  const CardParts parts_;
  const forks::Birthplace birthplace_;
  std::mutex& mutex_ = get_pool_mutex();
  std::map<std::size_t, std::vector<CardBlock>> idle_;  // by size; guarded by mutex_, as the next
  std::size_t idle_bytes_ = 0;
};

/// Returns the row of a decoder's surface at which the chroma begins. A surface has an even number of rows, and FFmpeg computes
/// the chroma's address by the height of the picture, which may be odd.
[[nodiscard]] std::size_t find_chroma_row(const AVFrame& picture);

/// Makes the context of a card current on this thread, for calls of the driver.
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
