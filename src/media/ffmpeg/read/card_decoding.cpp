// Decoding on a GPU.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/read/card_decoding.hpp"

#include "freshframe/frame.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <new>
#include <string_view>
#include <utility>

#include "media/device/card_memory.hpp"
#include "media/ffmpeg/error.hpp"
#include "media/ffmpeg/read/frame_maker.hpp"
#include "platform/thread.hpp"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/hwcontext.h>
}

namespace freshframe::media {
namespace {

constexpr int kMostFailures = 2;       // in a row
constexpr std::size_t kMostSent = 64;  // more than any decoder holds back

/// Adds the time in seconds that the thread spends off the CPU in its scope.
class WaitSum {
 public:
  explicit WaitSum(double& sum) noexcept : sum_(sum) {}
  WaitSum(const WaitSum&) = delete;
  WaitSum& operator=(const WaitSum&) = delete;
  ~WaitSum() {
    const auto whole = std::chrono::steady_clock::now() - began_;
    sum_ += Seconds(whole - (platform::processor_time() - computed_)).count();
  }

 private:
  double& sum_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  const std::chrono::nanoseconds computed_ = platform::processor_time();
};

/// Excludes the "_cuvid" decoders, which do their own parsing and reordering.
bool decodes_on_card(const AVCodec& codec) {
  if (std::string_view(codec.name).ends_with("_cuvid")) return false;
  for (int i = 0;; ++i) {
    const AVCodecHWConfig* const config = avcodec_get_hw_config(&codec, i);
    if (config == nullptr) return false;
    if (config->device_type == AV_HWDEVICE_TYPE_CUDA &&
        (config->methods & AV_CODEC_HW_CONFIG_METHOD_HW_DEVICE_CTX) != 0) {
      return true;
    }
  }
}

const AVCodec* find_codec(AVCodecID id) {
  void* at = nullptr;
  while (const AVCodec* const codec = av_codec_iterate(&at)) {
    if (codec->id == id && av_codec_is_decoder(codec) != 0 && decodes_on_card(*codec)) return codec;
  }
  return nullptr;
}

/// Allocates NV12 memory for the frame from the pool.
void take_memory(AVFrame& frame) {
  constexpr std::size_t kAlignment = 64;
  const auto stride = (static_cast<std::size_t>(frame.width) + kAlignment - 1) / kAlignment * kAlignment;
  const auto rows = static_cast<std::size_t>(frame.height + 1) / 2 * 2;
  const std::size_t bytes = stride * (rows + rows / 2);
  auto buffer = FramePool::get_shared().take(bytes);
  std::uint8_t* const memory = buffer.get();
  frame.buf[0] = pooled_buffer(std::move(buffer), bytes);
  if (frame.buf[0] == nullptr) throw std::bad_alloc();
  frame.data[0] = memory;
  frame.data[1] = memory + stride * rows;
  frame.linesize[0] = frame.linesize[1] = static_cast<int>(stride);
  frame.extended_data = frame.data;
}

}  // namespace

std::unique_ptr<CardDecoding> CardDecoding::open(const DecoderWish& wish, const AVCodecParameters& parameters,
                                                 DecoderPlace& place) {
  if (wish.kind == DecoderWish::Kind::Cpu) return nullptr;
  if (!wish.objection.empty()) {
    place.reason = wish.objection;
    return nullptr;
  }
  auto found = Card::open(wish.card);
  const AVCodec* const codec = found.card ? find_codec(parameters.codec_id) : nullptr;
  auto reason = found.reason;
  if (found.card) {
    reason = found.card->refusal({.codec = parameters.codec_id,
                                  .format = static_cast<AVPixelFormat>(parameters.format),
                                  .width = parameters.width,
                                  .height = parameters.height});
    if (reason.empty() && codec == nullptr) reason = "this build of FFmpeg does not decode the codec there";
    if (!reason.empty()) reason = found.card->name() + ": " + reason;
  }
  if (reason.empty() && codec != nullptr)
    return std::make_unique<CardDecoding>(std::move(found.card), *codec, wish);
  if (wish.kind == DecoderWish::Kind::Demand) throw CardRefused(reason);
  place.reason = std::move(reason);
  return nullptr;
}

void CardDecoding::prepare(AVCodecContext& codec) {
  codec.hw_device_ctx = card_->reference();
  if (codec.hw_device_ctx == nullptr) throw std::bad_alloc();
  codec.opaque = this;
  codec.get_format = &choose;
  codec.thread_count = 1;  // with one thread, an error belongs to the packet that was just sent
#ifdef AV_HWACCEL_FLAG_UNSAFE_OUTPUT
  codec.hwaccel_flags |= AV_HWACCEL_FLAG_UNSAFE_OUTPUT;  // receive() copies each frame immediately
#endif
  chosen_ = {};
  failures_ = 0;
  sent_.clear();
}

// FFmpeg calls this again, without the GPU format, if the GPU rejects the stream.
AVPixelFormat CardDecoding::choose(AVCodecContext* codec, const AVPixelFormat* formats) noexcept {
  auto& self = *static_cast<CardDecoding*>(codec->opaque);
  try {
    return self.choose_card(*codec, formats);
  } catch (const std::bad_alloc&) {
    return AV_PIX_FMT_NONE;
  }
}

AVPixelFormat CardDecoding::choose_card(const AVCodecContext& codec, const AVPixelFormat* formats) {
  if (is_over()) return AV_PIX_FMT_NONE;
  const Card::Stream stream{.codec = codec.codec_id,
                            .format = codec.sw_pix_fmt,
                            .width = codec.coded_width,
                            .height = codec.coded_height};
  reason_ = card_->refusal(stream);
  if (is_over()) return AV_PIX_FMT_NONE;
  const auto* end = formats;
  while (*end != AV_PIX_FMT_NONE) ++end;
  if (std::find(formats, end, AV_PIX_FMT_CUDA) == end) {
    reason_ = stream == chosen_ ? "it has no decoder or no memory free for " + std::to_string(stream.width) +
                                      "x" + std::to_string(stream.height)
                                : "FFmpeg does not decode this kind of " +
                                      std::string(avcodec_get_name(codec.codec_id)) + " there";
    return AV_PIX_FMT_NONE;
  }
  chosen_ = stream;
  return AV_PIX_FMT_CUDA;
}

int CardDecoding::send(AVCodecContext& codec, const AVPacket& packet, TimePoint captured) {
  note_packet(packet.pts, captured);
  return hand_over(codec, &packet);
}

int CardDecoding::finish(AVCodecContext& codec) {
  return hand_over(codec, nullptr);
}

int CardDecoding::hand_over(AVCodecContext& codec, const AVPacket* packet) {
  const WaitSum wait(wait_);
  const FfmpegErrorCapture errors;
  const int result = avcodec_send_packet(&codec, packet);
  if (result < 0) note(result);
  show(errors, result);
  return result;
}

int CardDecoding::receive(AVCodecContext& codec, AVFrame& frame) {
  const WaitSum wait(wait_);
  const FfmpegErrorCapture errors;
  int result = avcodec_receive_frame(&codec, &frame);
  if (result >= 0 && frame.format == AV_PIX_FMT_CUDA) {
    restore_time(frame);
    const auto copy = make_av_frame();
    result = copy_picture(frame, *copy);
    av_frame_unref(&frame);
    if (result >= 0) av_frame_move_ref(&frame, copy.get());
  }
  if (result == AVERROR_EOF) {
    note_end();
  } else if (result != AVERROR(EAGAIN)) {
    note(result);
  }
  show(errors, result);
  return result;
}

/// Logs errors of the stream. Skips GPU failures: FFmpeg logs several lines for each, and the source reports
/// them once.
void CardDecoding::show(const FfmpegErrorCapture& errors, int result) const {
  if (result == AVERROR_EXTERNAL || is_over() || errors.cause().empty()) return;
  log(LogLevel::Error, errors.cause());
}

void CardDecoding::note_packet(std::int64_t pts, TimePoint captured) {
  if (pts == AV_NOPTS_VALUE) return;
  sent_.push_back({pts, captured});
  if (sent_.size() > kMostSent) sent_.pop_front();
}

/// FFmpeg's AV1 decoder returns the opaque field of an earlier hidden frame.
void CardDecoding::restore_time(AVFrame& frame) {
  const auto its =
      std::find_if(sent_.rbegin(), sent_.rend(), [&](const Sent& s) { return s.pts == frame.pts; });
  if (its == sent_.rend()) return;
  const std::int64_t ticks = its->captured.time_since_epoch().count();
#if LIBAVCODEC_VERSION_MAJOR >= 60
  frame.opaque = reinterpret_cast<void*>(static_cast<std::intptr_t>(ticks));
#else
  frame.reordered_opaque = ticks;
#endif
}

/// Copies a frame off the decoder's surface: into GPU memory if it stays there and memory is available,
/// otherwise to the host. Returns FFmpeg's error code.
int CardDecoding::copy_picture(const AVFrame& from, AVFrame& to) {
  if (stays_) {
    const int result = CardMemory::copy_picture(card_, from, to);
    if (result != AVERROR(ENOMEM)) return result;
    av_frame_unref(&to);
  }
  const int result = copy_to_host(from, to);
  if (result >= 0) ++downloads_;
  return result;
}

/// Returns FFmpeg's error code.
int CardDecoding::copy_to_host(const AVFrame& from, AVFrame& to) const {
  to.format = AV_PIX_FMT_NV12;
  to.width = from.width;
  to.height = from.height;
  take_memory(to);
  if (card_->copy_to_host(from, to) != 0) return AVERROR_EXTERNAL;
  const int result = av_frame_copy_props(&to, &from);
  if (result < 0) return result;
  // FFmpeg crops GPU frames only at the right and bottom.
  to.crop_left = from.crop_left;
  to.crop_top = from.crop_top;
  return av_frame_apply_cropping(&to, AV_FRAME_CROP_UNALIGNED);
}

void CardDecoding::note(int result) {
  if (result >= 0) failures_ = 0;
  if (result != AVERROR_EXTERNAL || ++failures_ < kMostFailures || is_over()) return;
  reason_ = "it has failed";
  if (const auto state = card_->refusal({.codec = codec_.id}); !state.empty()) reason_ += ", and " + state;
}

/// If the last frame fails, no second failure will show whether the GPU is lost.
void CardDecoding::note_end() {
  if (failures_ == 0 || is_over()) return;
  if (const auto state = card_->refusal({.codec = codec_.id}); !state.empty())
    reason_ = "it has failed, and " + state;
}

std::string CardDecoding::give_up() const {
  auto reason = card_->name() + ": " + reason_;
  if (is_demand_) throw CardRefused(reason);
  return reason;
}

}  // namespace freshframe::media
