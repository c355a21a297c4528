// Reads the codec parameters of a packet stream.
// SPDX-License-Identifier: Apache-2.0
#include "media/packets/parameters.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "media/ffmpeg/read/h264_order.hpp"
#include "media/stream/key_gate.hpp"
#include "media/units/unit_facts.hpp"

// Reads image size and pixel format for codecs whose parser in FFmpeg does not: from the frame header of
// Motion JPEG (ITU-T T.81, B.2.2) and the uncompressed header of VP9 (VP9 Bitstream & Decoding Process
// Specification, 6.2).

extern "C" {
#include <libavcodec/bsf.h>
#include <libavutil/pixdesc.h>
}

namespace freshframe::media {

namespace {

using PictureBytes = std::span<const std::uint8_t>;

/// Reads a big-endian 16-bit number.
int pair_at(PictureBytes bytes, std::size_t at) noexcept {
  return bytes[at] << 8 | bytes[at + 1];
}

/// Returns true for SOF0 to SOF15. The excluded numbers are DHT, JPG and DAC.
bool is_frame_header(int marker) noexcept {
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

std::optional<PictureForm> jpeg_form(PictureBytes bytes) noexcept {
  std::size_t at = 2;  // after the SOI marker
  while (at + 9 <= bytes.size() && bytes[at] == 0xFF) {
    if (is_frame_header(bytes[at + 1]))
      return PictureForm{.width = pair_at(bytes, at + 7), .height = pair_at(bytes, at + 5)};
    at += 2 + static_cast<std::size_t>(pair_at(bytes, at + 2));
  }
  return std::nullopt;
}

/// Reads bits, the highest of each byte first. Returns 0 past the end.
class Vp9Header {
 public:
  explicit Vp9Header(PictureBytes bytes) noexcept : bytes_(bytes) {}
  int take(int count) noexcept {
    int value = 0;
    for (; count > 0; --count, ++at_) {
      const int byte = at_ / 8 < bytes_.size() ? bytes_[at_ / 8] : 0;
      value = value << 1 | (byte >> (7 - at_ % 8) & 1);
    }
    return value;
  }
  [[nodiscard]] bool is_past_end() const noexcept { return at_ > 8 * bytes_.size(); }

 private:
  PictureBytes bytes_;
  std::size_t at_ = 0;
};

/// `fine_x`, `fine_y`: no subsampling in this direction.
AVPixelFormat vp9_format(int depth, bool fine_x, bool fine_y) {
  const std::string chroma = !fine_x ? (fine_y ? "422p" : "420p") : (fine_y ? "444p" : "440p");
  return av_get_pix_fmt(("yuv" + chroma + (depth > 8 ? std::to_string(depth) + "le" : "")).c_str());
}

std::optional<PictureForm> vp9_form(PictureBytes bytes) {
  if (!is_vp9_key(bytes)) return std::nullopt;
  Vp9Header header(bytes);
  header.take(2);  // frame_marker
  const int low = header.take(1);
  const int profile = header.take(1) << 1 | low;
  header.take(profile == 3 ? 5 : 4);  // up to and including error_resilient_mode
  constexpr int kSync = 0x498342;
  if (header.take(24) != kSync) return std::nullopt;
  const int depth = profile < 2 ? 8 : (header.take(1) != 0 ? 12 : 10);
  const bool samples = profile == 1 || profile == 3;  // subsampling flags follow
  bool fine_x = false;
  bool fine_y = false;
  constexpr int kRgb = 7;
  if (header.take(3) == kRgb) {
    fine_x = fine_y = true;
    if (samples) header.take(1);  // reserved_zero
  } else {
    header.take(1);  // color_range
    if (samples) {
      fine_x = header.take(1) == 0;
      fine_y = header.take(1) == 0;
      header.take(1);  // reserved_zero
    }
  }
  const int width = header.take(16) + 1;
  const int height = header.take(16) + 1;
  return PictureForm{.width = width,
                     .height = height,
                     .format = vp9_format(depth, fine_x, fine_y),
                     .is_cut = header.is_past_end()};
}

}  // namespace

std::optional<PictureForm> picture_form(AVCodecID codec, std::span<const std::uint8_t> packet) {
  if (codec == AV_CODEC_ID_MJPEG) return jpeg_form(packet);
  if (codec == AV_CODEC_ID_VP9) return vp9_form(packet);
  return std::nullopt;
}

namespace {

constexpr int kMostDepth = 16;  // the largest decoded picture buffer of H.264 and H.265

// FFmpeg 6.1 introduced new names, and FFmpeg 9 removed the old ones.
#ifdef AV_PROFILE_UNKNOWN
constexpr int kUnknownProfile = AV_PROFILE_UNKNOWN;
constexpr int kUnknownLevel = AV_LEVEL_UNKNOWN;
constexpr std::array kWithoutReordering{AV_PROFILE_H264_BASELINE, AV_PROFILE_H264_CONSTRAINED_BASELINE};
#else
constexpr int kUnknownProfile = FF_PROFILE_UNKNOWN;
constexpr int kUnknownLevel = FF_LEVEL_UNKNOWN;
constexpr std::array kWithoutReordering{FF_PROFILE_H264_BASELINE, FF_PROFILE_H264_CONSTRAINED_BASELINE};
#endif

struct FreeFilter {
  void operator()(AVBSFContext* filter) const noexcept { av_bsf_free(&filter); }
};
using FilterPtr = std::unique_ptr<AVBSFContext, FreeFilter>;

CodecParametersPtr copy_parameters(const AVCodecParameters& parameters) {
  CodecParametersPtr copy(avcodec_parameters_alloc());
  if (!copy || avcodec_parameters_copy(copy.get(), &parameters) < 0) throw std::bad_alloc();
  copy->codec_tag = 0;  // specific to the container
  return copy;
}

std::span<const std::uint8_t> view_extradata(const AVCodecParameters& parameters) {
  return {parameters.extradata, static_cast<std::size_t>(std::max(0, parameters.extradata_size))};
}

void set_extradata(AVCodecParameters& parameters, const std::uint8_t* data, std::size_t size) {
  auto* const copy = static_cast<std::uint8_t*>(av_mallocz(size + AV_INPUT_BUFFER_PADDING_SIZE));
  if (copy == nullptr) throw std::bad_alloc();
  std::memcpy(copy, data, size);
  av_freep(static_cast<void*>(&parameters.extradata));
  parameters.extradata = copy;
  parameters.extradata_size = static_cast<int>(size);
}

/// Splits at start codes. Returns other extradata unchanged.
std::vector<std::span<const std::uint8_t>> split_extradata(std::span<const std::uint8_t> extradata) {
  auto pieces = split_units(extradata);
  if (pieces.empty()) pieces.push_back(extradata);
  return pieces;
}

/// Returns the NAL unit type of a parameter set. Sets refer only to sets with a lower type.
int read_set_kind(AVCodecID codec, std::span<const std::uint8_t> set) {
  if (set.empty()) return 0;
  return codec == AV_CODEC_ID_H264 ? set[0] & 0x1F : set[0] >> 1 & 0x3F;
}

/// Returns the sets in `found`, and the known ones of each type missing in it, because the packet with them
/// may have been lost. With start codes, sorted by type.
std::vector<std::uint8_t> with_missing_kinds(AVCodecID codec, std::span<const std::uint8_t> found,
                                             std::span<const std::uint8_t> known) {
  const auto kind = [codec](auto set) { return read_set_kind(codec, set); };
  auto sets = split_extradata(found);
  const auto of_packet = sets;
  for (const auto& set : split_extradata(known)) {
    if (std::ranges::find(of_packet, kind(set), kind) == of_packet.end()) sets.push_back(set);
  }
  std::ranges::stable_sort(sets, {}, kind);
  std::vector<std::uint8_t> bytes;
  for (const auto& set : sets) {
    bytes.insert(bytes.end(), {0, 0, 0, 1});
    bytes.insert(bytes.end(), set.begin(), set.end());
  }
  return bytes;
}

bool supports(const AVBitStreamFilter& filter, AVCodecID codec) {
  for (const auto* each = filter.codec_ids; each != nullptr && *each != AV_CODEC_ID_NONE; ++each) {
    if (*each == codec) return true;
  }
  return false;
}

/// Returns true for H.264 and H.265 with lengths instead of start codes: the parameter sets are in the
/// extradata.
bool has_lengths(const AVCodecParameters& parameters) {
  const bool of_units = parameters.codec_id == AV_CODEC_ID_H264 || parameters.codec_id == AV_CODEC_ID_HEVC;
  return of_units && parameters.extradata_size > 0 && parameters.extradata[0] == 1;
}

/// Replaces the known parameter sets by those in the packet or its side data.
void take_sets(AVCodecParameters& parameters, const AVPacket& key) {
  std::size_t new_size = 0;
  const auto* const beside = av_packet_get_side_data(&key, AV_PKT_DATA_NEW_EXTRADATA, &new_size);
  if (beside != nullptr && new_size > 0) set_extradata(parameters, beside, new_size);
  if (has_lengths(parameters)) return;
  const AVBitStreamFilter* const kind = av_bsf_get_by_name("extract_extradata");
  AVBSFContext* raw = nullptr;
  if (kind == nullptr || !supports(*kind, parameters.codec_id) || av_bsf_alloc(kind, &raw) < 0) return;
  const FilterPtr filter(raw);
  if (avcodec_parameters_copy(filter->par_in, &parameters) < 0 || av_bsf_init(filter.get()) < 0) return;
  const AvPacketPtr copy(av_packet_clone(&key));
  if (!copy) throw std::bad_alloc();
  if (av_bsf_send_packet(filter.get(), copy.get()) < 0 || av_bsf_receive_packet(filter.get(), copy.get()) < 0)
    return;
  std::size_t size = 0;
  const auto* const sets = av_packet_get_side_data(copy.get(), AV_PKT_DATA_NEW_EXTRADATA, &size);
  if (sets == nullptr || size == 0) return;
  if (parameters.codec_id != AV_CODEC_ID_H264 && parameters.codec_id != AV_CODEC_ID_HEVC)
    return set_extradata(parameters, sets, size);
  const auto all = with_missing_kinds(parameters.codec_id, {sets, size}, view_extradata(parameters));
  set_extradata(parameters, all.data(), all.size());
}

bool has_same_sets(const AVCodecParameters& a, const AVCodecParameters& b) {
  return std::ranges::equal(split_extradata(view_extradata(a)), split_extradata(view_extradata(b)),
                            [](auto one, auto other) { return std::ranges::equal(one, other); });
}

/// Clears what the old parameter sets said and new ones may omit. Keeps the size until the new sets give one.
void forget_form(AVCodecParameters& parameters) {
  parameters.profile = kUnknownProfile;
  parameters.level = kUnknownLevel;
  parameters.format = AV_PIX_FMT_NONE;
  parameters.sample_aspect_ratio = {0, 1};
  parameters.field_order = AV_FIELD_UNKNOWN;
  parameters.color_range = AVCOL_RANGE_UNSPECIFIED;
  parameters.color_primaries = AVCOL_PRI_UNSPECIFIED;
  parameters.color_trc = AVCOL_TRC_UNSPECIFIED;
  parameters.color_space = AVCOL_SPC_UNSPECIFIED;
  parameters.chroma_location = AVCHROMA_LOC_UNSPECIFIED;
}

/// Returns a context that knows only the parameter sets, or null if there is no decoder.
CodecPtr make_set_reader(const AVCodecParameters& parameters) {
  const AVCodec* const codec = avcodec_find_decoder(parameters.codec_id);
  if (codec == nullptr) return nullptr;
  const auto blank = copy_parameters(parameters);
  forget_form(*blank);
  blank->width = blank->height = 0;
  auto context = make_codec(codec);
  if (avcodec_parameters_to_context(context.get(), blank.get()) < 0) return nullptr;
  return context;
}

/// Copies what FFmpeg has read into `context`, except the size, which some of its parsers do not store there.
void take_form(AVCodecParameters& parameters, const AVCodecContext& context) {
  if (context.profile != kUnknownProfile) parameters.profile = context.profile;
  if (context.level != kUnknownLevel) parameters.level = context.level;
  if (context.sample_aspect_ratio.num > 0) parameters.sample_aspect_ratio = context.sample_aspect_ratio;
  if (context.color_range != AVCOL_RANGE_UNSPECIFIED) parameters.color_range = context.color_range;
  if (context.color_primaries != AVCOL_PRI_UNSPECIFIED) parameters.color_primaries = context.color_primaries;
  if (context.color_trc != AVCOL_TRC_UNSPECIFIED) parameters.color_trc = context.color_trc;
  if (context.colorspace != AVCOL_SPC_UNSPECIFIED) parameters.color_space = context.colorspace;
}

/// Sets the size and format of `parameters` from a key packet: with picture_form() if it supports the codec,
/// otherwise with FFmpeg's parser, which also reads the profile, level, colours and pixel aspect ratio.
/// Changes nothing if neither finds a size.
void take_size(AVCodecParameters& parameters, const AVPacket& key) {
  if (key.data == nullptr) return;
  const std::span bytes(key.data, static_cast<std::size_t>(std::max(0, key.size)));
  if (const auto form = picture_form(parameters.codec_id, bytes)) {
    parameters.width = form->width;
    parameters.height = form->height;
    if (form->format != AV_PIX_FMT_NONE) parameters.format = form->format;
    return;
  }
  const ParserPtr parser(av_parser_init(parameters.codec_id));
  const auto context = make_set_reader(parameters);
  if (!context || !parser) return;
  parser->flags |= PARSER_FLAG_COMPLETE_FRAMES;
  std::uint8_t* out = nullptr;
  int size = 0;
  av_parser_parse2(parser.get(), context.get(), &out, &size, key.data, key.size, key.pts, key.dts, 0);
  const int width = parser->width > 0 ? parser->width : context->width;
  const int height = parser->height > 0 ? parser->height : context->height;
  if (width <= 0 || height <= 0) return;
  parameters.width = width;
  parameters.height = height;
  take_form(parameters, *context);
  // FFmpeg's parser does not report the pixel aspect ratio of H.264
  if (parameters.codec_id == AV_CODEC_ID_H264) {
    if (const auto aspect = h264_pixel_aspect(view_extradata(parameters)))
      parameters.sample_aspect_ratio = {aspect->width, aspect->height};
  }
  if (parser->format >= 0 && parameters.format < 0) parameters.format = parser->format;
}

/// Returns sps_max_num_reorder_pics (ITU-T H.265, 7.4.3.2.1), or nullopt if no decoder can be opened to read
/// it. Also sets the profile, level and colours that the decoder has read.
std::optional<int> take_depth(AVCodecParameters& parameters) {
  const auto context = make_set_reader(parameters);
  if (!context) return std::nullopt;
  context->thread_count = 1;
  if (avcodec_open2(context.get(), avcodec_find_decoder(parameters.codec_id), nullptr) < 0)
    return std::nullopt;
  take_form(parameters, *context);
  return std::clamp(context->has_b_frames, 0, kMostDepth);
}

StreamParameters with_depth(CodecParametersPtr codec) {
  StreamParameters result;
  switch (codec->codec_id) {
    case AV_CODEC_ID_H264:
      if (const auto depth = h264_reordered_frames(view_extradata(*codec))) {
        result.depth = *depth;
      } else {
        result.depth_is_known = std::ranges::count(kWithoutReordering, codec->profile) > 0;
        result.depth = result.depth_is_known ? 0 : kMostDepth;
      }
      break;
    case AV_CODEC_ID_HEVC: {
      const auto depth = take_depth(*codec);
      result.depth = depth.value_or(kMostDepth);
      result.depth_is_known = depth.has_value();
      break;
    }
    case AV_CODEC_ID_MPEG4:
    case AV_CODEC_ID_MPEG1VIDEO:
    case AV_CODEC_ID_MPEG2VIDEO:
      result.depth = 1;  // only the next reference frame
      break;
    default:
      break;
  }
  result.codec = std::move(codec);
  return result;
}

std::string describe_format(const AVCodecParameters& parameters) {
  if (parameters.codec_id != AV_CODEC_ID_H264 && parameters.codec_id != AV_CODEC_ID_HEVC) return "raw";
  return parameters.extradata_size > 0 && parameters.extradata[0] == 1 ? "avcc" : "annexb";
}

bool equal(const AVCodecParameters& a, const AVCodecParameters& b) {
  return a.codec_id == b.codec_id && a.width == b.width && a.height == b.height && has_same_sets(a, b);
}

}  // namespace

ParametersReader::ParametersReader(const AVCodecParameters& known, const Orientation& orientation)
    : known_(copy_parameters(known)), orientation_(orientation) {}

/// Keyframes may omit parameter sets, in which case the previous ones stay valid.
CodecParametersPtr ParametersReader::complete_parameters(const AVPacket& key) const {
  const auto& before = current_ ? *make_parameters(*current_).codec : *known_;
  auto parameters = copy_parameters(before);
  take_sets(*parameters, key);
  if (before.extradata_size > 0 && !has_same_sets(*parameters, before)) forget_form(*parameters);
  take_size(*parameters, key);
  return parameters;
}

std::shared_ptr<const PacketStream> ParametersReader::read(const AVPacket& key) {
  auto codec = complete_parameters(key);
  const bool has_sets = codec->codec_id == AV_CODEC_ID_H264 || codec->codec_id == AV_CODEC_ID_HEVC;
  if (has_sets && codec->width <= 0) return nullptr;
  if (current_ && equal(*codec, *make_parameters(*current_).codec)) return nullptr;
  auto stream = std::make_shared<PacketStream>();
  const char* const name = avcodec_get_name(codec->codec_id);
  stream->codec = name;
  stream->format = describe_format(*codec);
  stream->width = codec->width;
  stream->height = codec->height;
  const auto sets = view_extradata(*codec);
  stream->extradata.assign(sets.begin(), sets.end());
  auto parameters = with_depth(std::move(codec));
  parameters.orientation = orientation_;
  stream->native = std::make_shared<const StreamParameters>(std::move(parameters));
  current_ = stream;
  return stream;
}

bool is_same_stream(const PacketStream& a, const PacketStream& b) {
  if (&a == &b) return true;
  const auto& one = make_parameters(a);
  const auto& other = make_parameters(b);
  return one.orientation == other.orientation && equal(*one.codec, *other.codec);
}

const StreamParameters& make_parameters(const PacketStream& stream) {
  return *static_cast<const StreamParameters*>(stream.native.get());
}

const AVPacket& native_packet(const Packet& packet) {
  return *static_cast<const AVPacket*>(packet.owner.get());
}

}  // namespace freshframe::media
