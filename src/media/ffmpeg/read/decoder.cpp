// Decodes packets of one stream into AVFrames.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/read/decoder.hpp"

#include "freshframe/error.hpp"
#include "freshframe/frame.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

#include "media/ffmpeg/error.hpp"
#include "media/ffmpeg/read/frame_maker.hpp"
#include "platform/decimal_point.hpp"

extern "C" {
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
}

namespace freshframe::media {

// get_buffer2 callback that decodes into pooled memory.

/// Call before opening the codec. While FramePool::get_shared() has memory, frames delivered without
/// conversion are decoded into the pool, which saves a copy. All others use FFmpeg's memory.
void decode_into_pool(AVCodecContext& codec) noexcept;

namespace {

constexpr std::size_t kStride = 64;     // row alignment in bytes for the widest SIMD code of decoders
constexpr std::size_t kTail = 16 + 63;  // bytes that decoders may read past a plane, as in FFmpeg's own pool

struct Layout {
  std::array<int, 4> strides{};
  std::array<std::size_t, 4> offsets{};
  std::size_t bytes = 0;
};

// Lays out planes like avcodec_default_get_buffer2(): grows the width until all rows are aligned, so that
// chroma rows keep their ratio to luma rows.
bool lay_out(AVCodecContext& codec, const AVFrame& frame, Layout& layout) {
  int width = frame.width;
  int height = frame.height;
  std::array<int, AV_NUM_DATA_POINTERS> unused{};
  avcodec_align_dimensions2(&codec, &width, &height, unused.data());
  const auto format = static_cast<AVPixelFormat>(frame.format);
  bool aligned = false;
  while (!aligned) {
    if (av_image_fill_linesizes(layout.strides.data(), format, width) < 0) return false;
    width += width & ~(width - 1);
    aligned = true;
    for (const int stride : layout.strides)
      aligned = aligned && static_cast<std::size_t>(stride) % kStride == 0;
  }
  std::array<std::ptrdiff_t, 4> strides{};
  for (std::size_t i = 0; i < strides.size(); ++i) strides[i] = layout.strides[i];
  std::array<std::size_t, 4> sizes{};
  if (av_image_fill_plane_sizes(sizes.data(), format, height, strides.data()) < 0) return false;
  for (std::size_t i = 0; i < sizes.size() && sizes[i] > 0; ++i) {
    layout.offsets[i] = layout.bytes;
    layout.bytes += (sizes[i] + kTail + kStride - 1) / kStride * kStride;
  }
  return true;
}

bool is_ours(const AVCodecContext& codec, const AVFrame& frame) {
  const bool takes_any = (codec.codec->capabilities & AV_CODEC_CAP_DR1) != 0;
  return takes_any && codec.codec_type == AVMEDIA_TYPE_VIDEO && frame.hw_frames_ctx == nullptr &&
         same_layout(static_cast<AVPixelFormat>(frame.format)).has_value();
}

// Decoders of the MPEG family fill missing parts of a damaged frame from the previous one. Others leave the
// memory unchanged, and pooled memory may contain another camera's frame.
bool conceals_damage(AVCodecID codec) {
  switch (codec) {
    case AV_CODEC_ID_H264:
    case AV_CODEC_ID_MPEG1VIDEO:
    case AV_CODEC_ID_MPEG2VIDEO:
    case AV_CODEC_ID_MPEG4:
    case AV_CODEC_ID_H263:
      return true;
    default:
      return false;
  }
}

// Fills in the frame's memory. Returns false if the pool has none.
bool take_from_pool(AVCodecContext& codec, AVFrame& frame) {
  Layout layout;
  if (!is_ours(codec, frame) || !lay_out(codec, frame, layout)) return false;
  auto buffer = FramePool::get_shared().take_used(layout.bytes);
  if (!buffer) return false;
  std::uint8_t* const memory = buffer.get();
  if (!conceals_damage(codec.codec_id)) std::memset(memory, 0, layout.bytes);
  frame.buf[0] = pooled_buffer(std::move(buffer), layout.bytes);
  if (frame.buf[0] == nullptr) return false;
  for (std::size_t i = 0; i < layout.strides.size() && layout.strides[i] > 0; ++i) {
    frame.data[i] = memory + layout.offsets[i];
    frame.linesize[i] = layout.strides[i];
  }
  frame.extended_data = frame.data;
  return true;
}

// Called on any of the decoder's threads.
int get_buffer(AVCodecContext* codec, AVFrame* frame, int flags) noexcept {
  try {
    if (take_from_pool(*codec, *frame)) return 0;
  } catch (const std::bad_alloc&) {  // out of memory for the buffer's bookkeeping
  }
  return avcodec_default_get_buffer2(codec, frame, flags);
}

}  // namespace

void decode_into_pool(AVCodecContext& codec) noexcept {
  codec.get_buffer2 = &get_buffer;
#if LIBAVCODEC_VERSION_MAJOR < 60  // later versions always set this flag
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  codec.thread_safe_callbacks = 1;
#pragma GCC diagnostic pop
#endif
}

// Still images: TIFF directories, and formats that FFmpeg rejects although they are intact.

namespace {

/// Edits the directories of a TIFF's pages in memory.
class TiffDirectories {
 public:
  struct Facts {
    int pages = 0;          // excluding reduced-resolution copies
    int orientation = 0;    // Exif orientation; 0 if unknown
    int sample_format = 1;  // 1: unsigned integers
    int bits = 0;           // per sample; 0 for unknown
    int compression = 1;    // 1: uncompressed
    bool tiled = false;
    bool found = false;  // the page exists
  };

  explicit TiffDirectories(const AVPacket& packet)
      : data_(packet.data),
        size_(static_cast<std::size_t>(packet.size)),
        little_(packet.size > 0 && packet.data[0] == 'I') {}

  [[nodiscard]] bool is_big() const { return number(2, 2) == 43; }

  /// Removes tags that do not affect pixels, because FFmpeg's strict decoder treats unknown tags as damage.
  /// Makes page `page` (from 1) the first one, because FFmpeg selects others only by a rarely written tag.
  Facts tidy(int page) {
    Facts facts;
    auto at = number(4, 4);
    for (int n = 1; at != 0 && n <= kMostPages; ++n) {
      if (n == page) {
        write(4, at, 4);
        facts.found = true;
      }
      at = tidy_one(at, n == page, facts);
    }
    return facts;
  }

 private:
  static constexpr int kMostPages = 10'000;  // limits the search, because the chain of directories may loop
  static constexpr std::size_t kEntry = 12;  // bytes
  static constexpr std::uint32_t kSubfileType = 254;
  static constexpr std::uint32_t kBits = 258;
  static constexpr std::uint32_t kCompression = 259;
  static constexpr std::uint32_t kOrientation = 274;
  static constexpr std::uint32_t kTileWidth = 322;
  static constexpr std::uint32_t kSampleFormat = 339;
  static constexpr std::uint32_t kDngVersion = 50706;

  static bool changes_pixels(std::uint32_t tag) {
    constexpr std::array<std::uint32_t, 22> kTags{kSubfileType, 256, 257, 258, 259, 262,  266, 273,
                                                  277,          278, 279, 284, 292, 293,  317, 320,
                                                  322,          323, 324, 325, 530, 33421};
    constexpr std::uint32_t kFilterPattern = 33422;
    return tag == kFilterPattern || std::find(kTags.begin(), kTags.end(), tag) != kTags.end();
  }

  /// Returns 0 past the end.
  [[nodiscard]] std::uint32_t number(std::size_t at, std::size_t bytes) const {
    if (at > size_ || size_ - at < bytes) return 0;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | data_[at + (little_ ? bytes - 1 - i : i)];
    return value;
  }

  void write(std::size_t at, std::uint32_t value, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i)
      data_[at + (little_ ? i : bytes - 1 - i)] = static_cast<std::uint8_t>(value >> (8 * i));
  }

  /// Returns an entry's first 16-bit value. More than two values are stored elsewhere in the file.
  [[nodiscard]] int first_short(std::size_t entry) const {
    const bool inside = number(entry + 4, 4) <= 2;
    return static_cast<int>(number(inside ? entry + 8 : number(entry + 8, 4), 2));
  }

  void note(std::uint32_t tag, std::size_t entry, Facts& facts) const {
    if (tag == kBits) facts.bits = first_short(entry);
    if (tag == kCompression) facts.compression = first_short(entry);
    if (tag == kOrientation) facts.orientation = first_short(entry);
    if (tag == kSampleFormat) facts.sample_format = first_short(entry);
    if (tag == kTileWidth) facts.tiled = true;
  }

  /// Returns the offset of the next directory; 0 if this is the last, or cannot be read.
  std::uint32_t tidy_one(std::size_t at, bool read, Facts& facts) {
    const std::size_t entries = number(at, 2);
    const auto begin = at + 2;
    const auto end = begin + entries * kEntry;
    if (entries == 0 || end > size_ || size_ - end < 4) return 0;
    const auto next = number(end, 4);
    bool reduced = false;
    for (auto entry = begin; entry < end; entry += kEntry) {
      if (number(entry, 2) == kDngVersion) return 0;  // a raw image, where other tags affect the pixels
    }
    auto kept = begin;
    for (auto entry = begin; entry < end; entry += kEntry) {
      const auto tag = number(entry, 2);
      if (tag == kSubfileType) reduced = (number(entry + 8, 4) & 1) != 0;
      if (read) note(tag, entry, facts);
      if (!changes_pixels(tag)) continue;
      std::memmove(data_ + kept, data_ + entry, kEntry);
      kept += kEntry;
    }
    write(at, static_cast<std::uint32_t>((kept - begin) / kEntry), 2);
    write(kept, next, 4);
    if (!reduced) ++facts.pages;
    return next;
  }

  std::uint8_t* data_;
  std::size_t size_;
  bool little_;
};

bool is_animated_webp(const AVPacket& packet) {
  constexpr int kFlags = 20;  // offset of VP8X's flags: "WebP Container Specification"
  constexpr std::uint8_t kAnimation = 0x02;
  return packet.size > kFlags && std::memcmp(packet.data + 12, "VP8X", 4) == 0 &&
         (packet.data[kFlags] & kAnimation) != 0;
}

/// Returns why FFmpeg rejects or misreads the samples (it assumes unsigned for 8 and 16 bits, and float for
/// 32), or an empty string.
std::string unread_samples(int sample_format, int bits) {
  constexpr int kSigned = 2;
  constexpr int kFloat = 3;
  constexpr int kUndefined = 4;
  constexpr int kMostBits = 16;
  if (sample_format == kSigned) return "its samples are signed numbers; save it with unsigned ones";
  if (sample_format == kFloat) return "its samples are floating-point numbers; save it with 8 or 16 bits";
  if (sample_format > kUndefined) return "its samples are complex numbers; save it with 8 or 16 bits";
  if (bits > kMostBits) return "its samples have " + std::to_string(bits) + " bits; save it with 16";
  return {};
}

/// Returns the name of a compression that FFmpeg decodes as black or reports as damage, or an empty string.
std::string_view unread_compression(int compression) {
  switch (compression) {
    case 6:
    case 7:
      return "JPEG";
    case 50000:
      return "Zstandard";
    case 50001:
      return "WebP";
    case 34887:
      return "LERC";
    default:
      return {};
  }
}

}  // namespace

/// Prepares a still image for its decoder.
void Decoder::look_at_picture(AVPacket& packet) {
  hindrance_.clear();
  orientation_ = 0;
  if (parameters_->codec_id == AV_CODEC_ID_WEBP && is_animated_webp(packet)) {
    hindrance_ = "it is an animated WebP, which this build of FFmpeg does not decode; convert it to a video";
  }
  if (parameters_->codec_id != AV_CODEC_ID_TIFF) return;
  if (av_packet_make_writable(&packet) < 0) throw std::bad_alloc();
  TiffDirectories directories(packet);
  if (directories.is_big()) {
    hindrance_ = "it is a BigTIFF, which FFmpeg does not decode; save it as a plain TIFF";
    return;
  }
  if (page_ < 0) {
    page_ = 0;
    static_cast<void>(av_opt_get_int(codec_->priv_data, "page", 0, &page_));
    static_cast<void>(av_opt_set_int(codec_->priv_data, "page", 0, 0));
  }
  const auto facts = directories.tidy(static_cast<int>(std::max<std::int64_t>(page_, 1)));
  if (page_ > 0 && !facts.found) {
    throw Error("the TIFF has no page " + std::to_string(page_) + ": it has only " +
                std::to_string(facts.pages));
  }
  orientation_ = facts.orientation;
  if (const auto why = unread_samples(facts.sample_format, facts.bits); !why.empty()) throw Error(why);
  if (const auto name = unread_compression(facts.compression); !name.empty()) {
    throw Error("it is a TIFF compressed with " + std::string(name) +
                ", which FFmpeg does not decode; save it with LZW, Deflate or no compression");
  }
  if (facts.tiled)
    hindrance_ = "it is a TIFF of tiles, which this build of FFmpeg does not decode; save it in strips";
  if (facts.pages > 1 && page_ == 0) {
    av_log(codec_.get(), AV_LOG_WARNING,
           "the TIFF has %d pages, and only the first is read; options={\"page\": \"2\"} reads another\n",
           facts.pages);
  }
}

/// Called for a damaged packet or frame.
void Decoder::fail(int result) {
  last_failure_ = result;
  if (!hindrance_.empty()) throw Error(hindrance_);
  if (settings_.strict && result == AVERROR_PATCHWELCOME)
    throw Error("this build of FFmpeg cannot decode images of this kind");
}

namespace {

/// Returns false for the decoders of MPEG-1, -2, -4 and VC-1. For them the low-delay flag means that there
/// are no B-frames, so they would return these in decoding order. Without the flag they detect B-frames
/// themselves.
bool keeps_order_at_low_delay(AVCodecID codec) {
  switch (codec) {
    case AV_CODEC_ID_MPEG1VIDEO:
    case AV_CODEC_ID_MPEG2VIDEO:
    case AV_CODEC_ID_MPEG4:
    case AV_CODEC_ID_VC1:
    case AV_CODEC_ID_WMV3:
      return false;
    default:
      return true;
  }
}

/// Bound on failures while draining: at most one per frame that the decoder holds.
constexpr int kMostFailuresAtEnd = 1000;

}  // namespace

Decoder::Decoder(const AVStream& stream, const DecoderSettings& settings, Dictionary& options)
    : Decoder(*stream.codecpar, stream.time_base, settings, options) {}

Decoder::Decoder(const AVCodecParameters& parameters, AVRational time_base, const DecoderSettings& settings,
                 Dictionary& options)
    : parameters_(avcodec_parameters_alloc()),
      time_base_(time_base),
      settings_(settings),
      options_(options.copy()) {
  if (!parameters_ || avcodec_parameters_copy(parameters_.get(), &parameters) < 0) throw std::bad_alloc();
  if (!settings_.strict) {
    DecoderPlace place;
    card_ = CardDecoding::open(settings_.wish, *parameters_, place);
    if (!card_) new_place_ = std::make_unique<DecoderPlace>(std::move(place));
  }
  set_up();
  open(options);
}

void Decoder::set_up() {
  const AVCodec* codec = card_ ? &card_->codec() : avcodec_find_decoder(parameters_->codec_id);
  const std::string name = avcodec_get_name(parameters_->codec_id);
  if (codec == nullptr) throw Error("this build of FFmpeg has no decoder for " + name);
  codec_ = make_codec(codec);
  const int result = avcodec_parameters_to_context(codec_.get(), parameters_.get());
  if (result < 0) throw Error("the decoder for " + name + " refused the stream: " + ffmpeg_text(result));
  codec_->pkt_timebase = time_base_;
  codec_->thread_count = settings_.threads;
  codec_->thread_type = settings_.low_delay ? FF_THREAD_SLICE : FF_THREAD_FRAME | FF_THREAD_SLICE;
  if (settings_.low_delay && keeps_order_at_low_delay(parameters_->codec_id)) {
    codec_->flags |= AV_CODEC_FLAG_LOW_DELAY;
  }
  if (incomplete_) codec_->flags |= AV_CODEC_FLAG_OUTPUT_CORRUPT;
  codec_->max_pixels = kMostPixels;
  if (settings_.strict) codec_->err_recognition |= AV_EF_CRCCHECK | AV_EF_BUFFER | AV_EF_EXPLODE;
#if LIBAVCODEC_VERSION_MAJOR >= 60
  codec_->flags |= AV_CODEC_FLAG_COPY_OPAQUE;
#endif
  decode_into_pool(*codec_);
  if (card_) card_->prepare(*codec_);
}

void Decoder::open(Dictionary& options) {
  const platform::DecimalPoint numbers;
  const int result = avcodec_open2(codec_.get(), codec_->codec, options.out());
  if (result < 0) {
    throw Error("the decoder for " + std::string(avcodec_get_name(parameters_->codec_id)) +
                " could not be opened: " + ffmpeg_text(result));
  }
  open_ = true;
}

std::string Decoder::most_pixels(const std::map<std::string, std::string>& options) {
  const auto given = options.find("max_pixels");
  return given != options.end() ? given->second : std::to_string(kMostPixels);
}

bool Decoder::send(AVPacket& packet, TimePoint captured) {
  if (packet.size == 0) return false;  // FFmpeg treats a packet without data as the end of the stream
  return card_ ? send_to_card(packet, captured) : hand_over(packet, captured);
}

/// See Note [A decoder on a GPU].
bool Decoder::send_to_card(AVPacket& packet, TimePoint captured) {
  if (!card_->is_over()) {
    if (hand_over(packet, captured)) return true;
    if (!card_->is_over()) return false;
  }
  if (card_->is_demand()) {
    end_on_card();
    return false;
  }
  const bool begins = incomplete_ || (packet.flags & AV_PKT_FLAG_KEY) != 0;
  if (!begins) return false;
  leave_card();
  return hand_over(packet, captured);
}

void Decoder::end_on_card() {
  if (!open_) static_cast<void>(card_->give_up());
  if (!finishing_) finish();
}

/// Frames that the GPU has already decoded are delivered first.
void Decoder::leave_card() {
  if (open_) {
    exchange();
  } else {
    const auto left = drop_card();  // must be destroyed after codec_ is replaced
    rest();
  }
}

std::unique_ptr<CardDecoding> Decoder::drop_card() {
  new_place_ = std::make_unique<DecoderPlace>(DecoderPlace{.reason = card_->give_up()});
  downloads_ += card_->take_downloads();
  card_wait_ += card_->take_wait();
  return std::move(card_);
}

bool Decoder::hand_over(AVPacket& packet, TimePoint captured) {
  if (!open_) {
    auto options = options_.copy();
    open(options);
  }
  const std::int64_t ticks = captured.time_since_epoch().count();
#if LIBAVCODEC_VERSION_MAJOR >= 60
  packet.opaque = reinterpret_cast<void*>(static_cast<std::intptr_t>(ticks));
#else
  codec_->reordered_opaque = ticks;
#endif
  if (settings_.strict) look_at_picture(packet);
  const int result =
      card_ ? card_->send(*codec_, packet, captured) : avcodec_send_packet(codec_.get(), &packet);
  if (result < 0) fail(result);
  return result >= 0;
}

void Decoder::finish() {
  finishing_ = true;
  if (!card_) {
    avcodec_send_packet(codec_.get(), nullptr);
    return;
  }
  // FFmpeg decodes within this call, so an error belongs to the first frame that it holds.
  const int result = card_->finish(*codec_);
  if (result >= 0 || result == AVERROR_EOF) return;
  last_failure_ = result;
  ahead_.emplace_back();
}

Decoder::Result Decoder::receive(AVFrame& frame) {
  const auto result = take(frame);
  if (result == Result::End) static_cast<void>(card_failure());
  return result;
}

Decoder::Result Decoder::take(AVFrame& frame) {
  if (!ahead_.empty()) {
    const auto first = std::move(ahead_.front());
    ahead_.pop_front();
    av_frame_unref(&frame);
    if (!first) return Result::Damaged;
    av_frame_move_ref(&frame, first.get());
    return Result::Frame;
  }
  const int result = card_ ? card_->receive(*codec_, frame) : avcodec_receive_frame(codec_.get(), &frame);
  if (card_ && result >= 0 && !std::exchange(has_card_picture_, true))
    new_place_ = std::make_unique<DecoderPlace>(DecoderPlace{.name = card_->name()});
  if (result >= 0) {
    failures_in_row_ = 0;
    // TIFF 6.0, section 20: without ReferenceBlackWhite, luma uses levels 0 to 255.
    if (codec_->codec_id == AV_CODEC_ID_TIFF && frame.color_range == AVCOL_RANGE_UNSPECIFIED) {
      frame.color_range = AVCOL_RANGE_JPEG;
    }
    if (orientation_ > 0) {
      av_dict_set_int(&frame.metadata, "Orientation", orientation_, AV_DICT_DONT_OVERWRITE);
    }
    return Result::Frame;
  }
  if (result == AVERROR(EAGAIN)) return Result::NeedsPacket;
  if (result == AVERROR_EOF) return Result::End;
  fail(result);
  if (finishing_ && ++failures_in_row_ > kMostFailuresAtEnd) return Result::End;
  return Result::Damaged;
}

std::string Decoder::failure() const {
  return last_failure_ == 0 ? std::string() : ffmpeg_text(last_failure_);
}

// On a GPU, incomplete frames leave nothing in the decoder, so only CPU decoders are replaced.
void Decoder::renew() {
  if (!card_ && open_) exchange();
  if (card_ && card_->is_over() && !card_->is_demand()) leave_card();
}

void Decoder::exchange() {
  finish();
  std::deque<AvFramePtr> held;
  for (auto result = Result::Frame; result != Result::End;) {
    auto frame = make_av_frame();
    result = take(*frame);
    if (result == Result::NeedsPacket) break;
    if (result == Result::Frame) held.push_back(std::move(frame));
    if (result == Result::Damaged && card_) held.emplace_back();
  }
  const int delay = codec_->has_b_frames;  // the old decoder may have learned it gradually
  // Must be destroyed after codec_ is replaced.
  const auto left = card_ && card_->is_over() ? drop_card() : nullptr;
  rest();
  codec_->has_b_frames = std::max(codec_->has_b_frames, delay);
  ahead_ = std::move(held);
}

void Decoder::restart() {
  ahead_.clear();
  avcodec_flush_buffers(codec_.get());
  finishing_ = false;
  failures_in_row_ = 0;
}

bool Decoder::goes_on_with(const AVCodecParameters& parameters, AVRational time_base) const {
  const auto get_extra = [](const AVCodecParameters& from) {
    return std::string_view(reinterpret_cast<const char*>(from.extradata),
                            static_cast<std::size_t>(from.extradata_size));
  };
  const auto& own = *parameters_;
  return open_ && card_ && !card_->is_over() && own.codec_id == parameters.codec_id &&
         own.format == parameters.format && own.width == parameters.width &&
         own.height == parameters.height && own.profile == parameters.profile &&
         av_cmp_q(time_base_, time_base) == 0 && get_extra(own) == get_extra(parameters);
}

void Decoder::begin_again() {
  restart();
  card_->begin_stream();
  incomplete_ = false;
  codec_->flags &= ~AV_CODEC_FLAG_OUTPUT_CORRUPT;
  last_failure_ = 0;
}

void Decoder::rest() {
  ahead_.clear();
  set_up();
  open_ = false;
  finishing_ = false;
  failures_in_row_ = 0;
}

TimePoint Decoder::read_captured(const AVFrame& frame) {
#if LIBAVCODEC_VERSION_MAJOR >= 60
  const auto ticks = static_cast<std::int64_t>(reinterpret_cast<std::intptr_t>(frame.opaque));
#else
  const std::int64_t ticks = frame.reordered_opaque;
#endif
  return TimePoint(TimePoint::duration(ticks));
}

}  // namespace freshframe::media
