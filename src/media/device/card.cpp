// A GPU that decodes video: its CUDA context in this process, and what it can decode.
// SPDX-License-Identifier: Apache-2.0
#include "media/device/card.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <mutex>
#include <utility>

#include "media/device/cards.hpp"
#include "platform/thread.hpp"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/hwcontext.h>
#include <libavutil/pixdesc.h>
}

// FFmpeg's header includes cuda.h for two pointer types, unless CUDA_VERSION is defined.
#define CUDA_VERSION 12000  // NOLINT(readability-identifier-naming): FFmpeg's name
using CUcontext = void*;
using CUstream = void*;
extern "C" {
#include <libavutil/hwcontext_cuda.h>
}

namespace freshframe::media {
namespace {

struct KnownCodec {
  AVCodecID id;
  int number;  // the driver's cudaVideoCodec
};
constexpr std::array<KnownCodec, 5> kCardCodecs{{{AV_CODEC_ID_H264, 4},
                                                 {AV_CODEC_ID_HEVC, 8},
                                                 {AV_CODEC_ID_VP9, 10},
                                                 {AV_CODEC_ID_AV1, 11},
                                                 {AV_CODEC_ID_MPEG2VIDEO, 1}}};

int find_codec_number(AVCodecID codec) {
  for (const auto& each : kCardCodecs) {
    if (each.id == codec) return each.number;
  }
  return 0;
}

/// Returns null if FFmpeg rejects the context, as a build without CUDA does.
AVBufferRef* make_device(void* context, void* stream) {
  AVBufferRef* device = av_hwdevice_ctx_alloc(AV_HWDEVICE_TYPE_CUDA);
  if (device == nullptr) return nullptr;
  auto* const base = reinterpret_cast<AVHWDeviceContext*>(device->data);
  auto* const cuda = static_cast<AVCUDADeviceContext*>(base->hwctx);
  cuda->cuda_ctx = context;
  cuda->stream = stream;
  if (av_hwdevice_ctx_init(device) < 0) av_buffer_unref(&device);
  return device;
}

/// Makes threads sleep while they wait for the GPU. By default the driver spins, which takes CPU time from
/// other nodes and is not counted as waiting in SourceStats::card_wait. Waking up takes about 10 us longer.
/// FFmpeg sets the same flag on its own contexts. Does not change an existing context, or flags that another
/// library has set.
void make_waits_sleep(const CudaDriver& driver, int device) {
  constexpr unsigned kBlockingWaits = 4;  // CU_CTX_SCHED_BLOCKING_SYNC
  unsigned flags = 0;
  int is_active = 0;
  if (driver.primary_state(device, &flags, &is_active) != 0 || is_active != 0 || flags != 0) return;
  static_cast<void>(driver.set_primary_flags(device, kBlockingWaits));
}

/// Fills in the missing parts. Returns the reason if that fails, or an empty string.
std::string complete(const CudaDriver& driver, CardParts& parts) {
  constexpr unsigned kNonBlocking = 1;  // do not synchronise with other libraries' work on the default stream
  const CurrentContext current(driver, parts.context);
  std::size_t total = 0;
  int error = driver.memory_info(&parts.free_bytes, &total);
  if (error == 0) error = driver.make_stream(&parts.stream, kNonBlocking);
  if (error == 0) error = driver.make_stream(&parts.download_stream, kNonBlocking);
  if (error != 0)
    return "cuda:" + std::to_string(parts.index) + " cannot be used: " + driver.get_error_name(error);
  parts.device = make_device(parts.context, parts.stream);
  return parts.device != nullptr ? "" : "this build of FFmpeg does not decode on NVIDIA GPUs";
}

void take_apart(const CudaDriver& driver, const CardParts& parts) noexcept {
  AVBufferRef* device = parts.device;
  av_buffer_unref(&device);
  {
    const CurrentContext current(driver, parts.context);
    for (void* const stream : {parts.stream, parts.download_stream}) {
      if (stream != nullptr) static_cast<void>(driver.destroy_stream(stream));
    }
  }
  static_cast<void>(driver.release_primary(parts.index));
}

Card::Found make_card(int index) {
  const auto found = find_cuda_driver();
  if (found.driver == nullptr) return {.card = nullptr, .reason = found.reason};
  const auto& driver = *found.driver;
  const std::string title = "cuda:" + std::to_string(index);
  int count = 0;
  if (const int error = driver.device_count(&count); error != 0)
    return {.card = nullptr, .reason = title + " cannot be used: " + driver.get_error_name(error)};
  if (index >= count) {
    return {.card = nullptr,
            .reason = title + " does not exist: this machine has " + std::to_string(count) +
                      (count == 1 ? " GPU" : " GPUs")};
  }
  int device = 0;
  CardParts parts{.index = index};
  int error = driver.device(&device, index);
  if (error == 0) {
    make_waits_sleep(driver, device);
    error = driver.retain_primary(&parts.context, device);
  }
  if (error != 0)
    return {.card = nullptr, .reason = title + " cannot be used: " + driver.get_error_name(error)};
  auto reason = complete(driver, parts);
  if (reason.empty()) return {.card = std::make_shared<Card>(driver, parts)};
  take_apart(driver, parts);
  return {.card = nullptr, .reason = std::move(reason)};
}

std::string refuse_format(AVPixelFormat format) {
  if (format == AV_PIX_FMT_NONE) return {};
  const AVPixFmtDescriptor* const description = av_pix_fmt_desc_get(format);
  if (description == nullptr) return {};
  if (description->comp[0].depth > 8)
    return "its frames have " + std::to_string(description->comp[0].depth) +
           " bits, but only 8 are supported";
  const bool is_420 =
      description->nb_components == 3 && description->log2_chroma_w == 1 && description->log2_chroma_h == 1;
  return is_420 ? std::string() : "its frames are " + std::string(description->name) + ", not 4:2:0";
}

}  // namespace

struct OpenCards {
  std::mutex mutex;
  // Held while loading the driver and while FFmpeg logs.
  forks::Hold<std::mutex> hold{mutex, forks::Order::Loading};
  std::map<int, std::weak_ptr<Card>> by_index;  // guarded by mutex
};

// Holds the mutex during driver calls, so that two sources do not create the context twice.
Card::Found Card::open(int index) {
  static_cast<void>(get_pool_mutex());  // creates its Hold before any mutex is locked
  auto& open = forks::ProcessWide<OpenCards>::get();
  const std::scoped_lock lock(open.mutex);
  auto& known = open.by_index[index];
  if (auto card = known.lock(); card && !card->birthplace_.is_inherited()) return {.card = std::move(card)};
  auto found = make_card(index);
  known = found.card;
  return found;
}

CardOpening::CardOpening(int index)
    : thread_([this, index] {
        platform::name_thread("ff card");
        try {
          found_ = Card::open(index);
        } catch (const std::exception& error) {
          found_.reason = error.what();
        }
      }) {}

Card::Found CardOpening::take() {
  thread_.join();
  return std::move(found_);
}

// After a fork the child does not own the context.
Card::~Card() {
  if (birthplace_.is_inherited()) return;
  free_idle();
  take_apart(driver_, parts_);
}

std::string Card::refusal(const Stream& stream) const {
  const std::string codec = avcodec_get_name(stream.codec);
  const int number = find_codec_number(stream.codec);
  if (number == 0) return "it does not decode " + codec;
  if (auto reason = refuse_format(stream.format); !reason.empty()) return reason;
  DecoderCapabilities able{.codec = number};
  const CurrentContext current(*this);
  if (const int error = driver_.decoder_capabilities(&able); error != 0)
    return "it does not respond: " + driver_.get_error_name(error);
  if (able.is_supported == 0) return "it does not decode " + codec;
  if (stream.width == 0 || stream.height == 0) return {};
  const auto width = static_cast<unsigned>(stream.width);
  const auto height = static_cast<unsigned>(stream.height);
  const std::string size = std::to_string(width) + "x" + std::to_string(height);
  if (width > able.most_width || height > able.most_height) {
    return codec + " of " + size + " is too large for it: its limit is " + std::to_string(able.most_width) +
           "x" + std::to_string(able.most_height);
  }
  constexpr unsigned kBlock = 16;
  const unsigned blocks = ((width + kBlock - 1) / kBlock) * ((height + kBlock - 1) / kBlock);
  if (blocks > able.most_blocks) {
    return codec + " of " + size + " is too large for it: its limit is " + std::to_string(able.most_blocks) +
           " blocks of 16x16 pixels";
  }
  if (width < able.least_width || height < able.least_height) {
    return codec + " of " + size + " is too small for it: its minimum is " +
           std::to_string(able.least_width) + "x" + std::to_string(able.least_height);
  }
  return {};
}

std::size_t find_chroma_row(const AVFrame& picture) {
  const auto& surface = *reinterpret_cast<const AVHWFramesContext*>(picture.hw_frames_ctx->data);
  return (static_cast<std::size_t>(surface.height) + 1) / 2 * 2;
}

int Card::copy_to_host(const AVFrame& picture, const AVFrame& host) const {
  const auto pitch = static_cast<std::size_t>(picture.linesize[0]);
  const auto row = (static_cast<std::size_t>(picture.width) + 1) / 2 * 2;
  const auto rows = static_cast<std::size_t>(picture.height);
  const RowsCopy luma{.source_device = reinterpret_cast<std::uintptr_t>(picture.data[0]),
                      .source_pitch = pitch,
                      .target_host = host.data[0],
                      .target_pitch = static_cast<std::size_t>(host.linesize[0]),
                      .width_bytes = row,
                      .height = rows};
  RowsCopy chroma = luma;
  chroma.source_y = find_chroma_row(picture);
  chroma.target_host = host.data[1];
  chroma.target_pitch = static_cast<std::size_t>(host.linesize[1]);
  chroma.height = (rows + 1) / 2;
  const CurrentContext current(*this);
  int error = driver_.copy_rows(&luma, parts_.stream);
  if (error == 0) error = driver_.copy_rows(&chroma, parts_.stream);
  const int waited =
      // waits even after an error, because the luma copy may still be running
      driver_.wait_for_stream(parts_.stream);
  return error != 0 ? error : waited;
}

Cards find_cards() {
  const auto found = find_cuda_driver();
  if (found.driver == nullptr) return {.cards = {}, .driver = {}, .reason = found.reason};
  Cards result;
  int version = 0;
  static_cast<void>(found.driver->driver_version(&version));
  result.driver = "CUDA " + std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
  int count = 0;
  static_cast<void>(found.driver->device_count(&count));
  for (int i = 0; i < count; ++i) {
    const auto opened = Card::open(i);
    if (!opened.card) {
      result.reason = opened.reason;
      continue;
    }
    std::array<char, 256> name{};
    static_cast<void>(found.driver->device_name(name.data(), static_cast<int>(name.size()), i));
    CardFacts facts{.number = i, .name = name.data(), .codecs = {}};
    for (const auto& codec : kCardCodecs) {
      if (opened.card->refusal({.codec = codec.id}).empty())
        facts.codecs.emplace_back(avcodec_get_name(codec.id));
    }
    result.cards.push_back(std::move(facts));
  }
  if (result.cards.empty() && result.reason.empty()) result.reason = "the NVIDIA driver finds no GPU";
  return result;
}

}  // namespace freshframe::media
