// Writes MP4 fragments with FFmpeg's muxer, and derives codec strings from their boxes.
// SPDX-License-Identifier: Apache-2.0
#include "media/packets/fragments.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <new>
#include <utility>

#include "media/ffmpeg/error.hpp"
#include "media/ffmpeg/ptr.hpp"
#include "media/packets/packet_ticks.hpp"
#include "media/packets/parameters.hpp"

namespace freshframe::media {
namespace {

constexpr std::size_t kBoxHead = 8;  // a size and a name, 4 bytes each
constexpr std::string_view kDigits = "0123456789abcdef";

void fragment_check(int result) {
  if (result < 0) throw Error("cannot write an MP4 fragment: " + ffmpeg_text(result));
}

std::uint32_t byte_at(std::string_view bytes, std::size_t at) {
  return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0U;
}

std::uint32_t big_endian(std::string_view bytes, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number = number << 8U | byte_at(bytes, at + i);
  return number;
}

/// Removes and returns the next box, including its header. Boxes of a live stream are smaller than 4 GiB.
std::string_view next_box(std::string_view& rest) {
  const std::size_t size = big_endian(rest, 0);
  if (rest.size() < kBoxHead || size < kBoxHead || size > rest.size()) {
    rest = {};
    return {};
  }
  const auto box = rest.substr(0, size);
  rest.remove_prefix(size);
  return box;
}

/// Size of a box's own fields, before its child boxes.
std::size_t fields_before_boxes(std::string_view name) {
  constexpr std::size_t kEntries = 8;  // stsd: version, flags, entry count
  constexpr std::size_t kVisual = 78;  // VisualSampleEntry (ISO 14496-12, 12.1.3)
  if (name == "stsd") return kEntries;
  constexpr std::array<std::string_view, 5> kVisuals{"avc1", "hvc1", "hev1", "av01", "vp09"};
  return std::ranges::find(kVisuals, name) != kVisuals.end() ? kVisual : 0;
}

std::string hex(std::uint32_t byte) {
  return {kDigits[byte >> 4U & 15U], kDigits[byte & 15U]};
}

std::string two_digits(std::uint32_t number) {
  return (number < 10 ? "0" : "") + std::to_string(number);
}

/// Codec string for an hvcC box (ISO 14496-15, Annex E.3).
std::string hevc_name(std::string_view box) {
  constexpr std::array<std::string_view, 4> kProfileSpaces{"", "A", "B", "C"};
  const auto profile = byte_at(box, 1);
  std::string name =
      "hvc1." + std::string(kProfileSpaces.at(profile >> 6U)) + std::to_string(profile & 31U) + ".";
  std::uint32_t turned = 0;  // the compatibility flags in reverse bit order
  const auto flags = big_endian(box, 2);
  for (unsigned i = 0; i < 32; ++i) turned = turned << 1U | (flags >> i & 1U);
  std::string digits;
  for (; turned > 0 || digits.empty(); turned >>= 4U) digits.insert(digits.begin(), kDigits[turned & 15U]);
  name += digits + "." + ((profile & 32U) != 0 ? "H" : "L") + std::to_string(byte_at(box, 12));
  std::size_t last = 6;  // constraint bytes; trailing zeros are omitted
  while (last > 0 && byte_at(box, 5 + last) == 0) --last;
  for (std::size_t i = 0; i < last; ++i) name += "." + hex(byte_at(box, 6 + i));
  return name;
}

/// Codec string from the configuration box in the init segment (RFC 6381, and the VP9 and AV1 bindings).
std::string codec_name(std::string_view init) {
  const std::string entry = "moov/trak/mdia/minf/stbl/stsd/";
  if (const auto box = find_box(init, entry + "avc1/avcC"); !box.empty())
    return "avc1." + hex(byte_at(box, 1)) + hex(byte_at(box, 2)) + hex(byte_at(box, 3));
  if (const auto box = find_box(init, entry + "hvc1/hvcC"); !box.empty()) return hevc_name(box);
  if (const auto box = find_box(init, entry + "vp09/vpcC"); !box.empty()) {
    return "vp09." + two_digits(byte_at(box, 4)) + "." + two_digits(byte_at(box, 5)) + "." +
           two_digits(byte_at(box, 6) >> 4U);
  }
  if (const auto box = find_box(init, entry + "av01/av1C"); !box.empty()) {
    const auto form = byte_at(box, 2);
    const std::uint32_t bits = (form & 64U) == 0 ? 8 : (form & 32U) == 0 ? 10 : 12;
    return "av01." + std::to_string(byte_at(box, 1) >> 5U) + "." + two_digits(byte_at(box, 1) & 31U) +
           ((form & 128U) != 0 ? "H" : "M") + "." + two_digits(bits);
  }
  throw Error("cannot write MP4 fragments: the muxer wrote no codec configuration");
}

void put_big_endian(std::string& bytes, std::size_t at, std::uint64_t number, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i)
    bytes.at(at + i) = static_cast<char>(number >> 8U * (size - 1 - i) & 255U);
}

/// Sets the decode time, which the muxer would derive from durations, and the duration of the fragment's only
/// sample.
void put_times(std::string& fragment, std::int64_t dts) {
  constexpr std::uint32_t kHasDuration = 0x8;
  const auto start = [&fragment](std::string_view box) {
    return static_cast<std::size_t>(box.data() - fragment.data());
  };
  const auto sample = find_box(fragment, "moof/traf/tfhd");
  const auto time = find_box(fragment, "moof/traf/tfdt");
  const auto flags = big_endian(sample, 0);
  if ((flags & kHasDuration) == 0 || byte_at(time, 0) != 1)
    throw Error("cannot write an MP4 fragment: the muxer wrote no timestamps");
  const std::size_t before = 8 + ((flags & 1U) != 0 ? 8U : 0U) + ((flags & 2U) != 0 ? 4U : 0U);
  const auto ticks =
      static_cast<std::uint64_t>(std::lround(FragmentWriter::kClaim / av_q2d(PacketTicks::kTimeBase)));
  put_big_endian(fragment, start(sample) + before, ticks, 4);
  put_big_endian(fragment, start(time) + 4, static_cast<std::uint64_t>(dts), 8);
}

int keep(void* opaque, const std::uint8_t* data, int size) noexcept {
  try {
    static_cast<std::string*>(opaque)->append(reinterpret_cast<const char*>(data),
                                              static_cast<std::size_t>(size));
    return size;
  } catch (const std::bad_alloc&) {
    return AVERROR(ENOMEM);
  }
}

}  // namespace

std::string_view find_box(std::string_view file, std::string_view path) {
  const auto slash = path.find('/');
  const auto name = path.substr(0, slash);
  while (!file.empty()) {
    auto box = next_box(file);
    if (box.size() < kBoxHead || box.substr(4, 4) != name) continue;
    box.remove_prefix(kBoxHead);
    if (slash == std::string_view::npos) return box;
    box.remove_prefix(std::min(box.size(), fields_before_boxes(name)));
    return find_box(box, path.substr(slash + 1));
  }
  return {};
}

struct FragmentWriter::Impl {
  std::string written;  // the muxer's output since the last fragment
  OwnIoPtr io;          // outlives `output`
  OutputPtr output;
  PacketTicks ticks{-kShift};
  std::string segment;
  std::string codec;

  explicit Impl(const AVCodecParameters& parameters) {
    AVFormatContext* raw = nullptr;
    fragment_check(avformat_alloc_output_context2(&raw, nullptr, "mp4", nullptr));
    output.reset(raw);
    io = make_writing_io<&keep>(1 << 15, &written, nullptr);
    output->pb = io.get();
    output->avoid_negative_ts = 0;
    begin_file(parameters);
  }

  void begin_file(const AVCodecParameters& parameters) {
    AVStream* const stream = avformat_new_stream(output.get(), nullptr);
    if (stream == nullptr) throw std::bad_alloc();
    fragment_check(avcodec_parameters_copy(stream->codecpar, &parameters));
    // Web pages rotate the video themselves, and some decoders would also apply the header's rotation.
    store_turn(*stream, {});
    // Browsers require H.265 parameter sets in the header (hvc1).
    stream->codecpar->codec_tag = parameters.codec_id == AV_CODEC_ID_HEVC ? MKTAG('h', 'v', 'c', '1') : 0;
    stream->time_base = PacketTicks::kTimeBase;
    Dictionary options;
    options.set("movflags",
                "empty_moov+default_base_moof+frag_custom+frag_discont+negative_cts_offsets+skip_trailer");
    options.set("video_track_timescale", std::to_string(PacketTicks::kTimeBase.den));
    options.set("use_editlist", "0");
    fragment_check(avformat_write_header(output.get(), options.out()));
    segment = take();
    codec = codec_name(segment);
  }

  std::string take() {
    avio_flush(io.get());
    return std::exchange(written, {});
  }
};

FragmentWriter::FragmentWriter(const PacketStream& stream) {
  if (!is_for_browsers(stream)) throw Error("no browser plays " + stream.codec + " in fragmented MP4");
  impl_ = std::make_unique<Impl>(*make_parameters(stream).codec);
}

FragmentWriter::~FragmentWriter() = default;

const std::string& FragmentWriter::init() const noexcept {
  return impl_->segment;
}

const std::string& FragmentWriter::codec() const noexcept {
  return impl_->codec;
}

FragmentWriter::Fragment FragmentWriter::write(const Packet& packet) {
  check_packet_times(packet, "show the camera in a browser");
  auto own = impl_->ticks.next(packet);
  own->stream_index = 0;
  const auto dts = own->dts;
  own->duration = 1;  // the muxer rejects a packet that starts before the previous one ends
  fragment_check(av_write_frame(impl_->output.get(), own.get()));
  fragment_check(av_write_frame(impl_->output.get(), nullptr));
  Fragment fragment{.bytes = impl_->take()};
  put_times(fragment.bytes, dts);
  fragment.sample_size = find_box(fragment.bytes, "mdat").size();
  return fragment;
}

bool is_for_browsers(const PacketStream& stream) {
  constexpr std::array<AVCodecID, 4> kPlayed{AV_CODEC_ID_H264, AV_CODEC_ID_HEVC, AV_CODEC_ID_VP9,
                                             AV_CODEC_ID_AV1};
  return std::ranges::find(kPlayed, make_parameters(stream).codec->codec_id) != kPlayed.end();
}

Turn read_turn(const PacketStream& stream) {
  return make_parameters(stream).orientation.total();
}

std::optional<int> reorder_depth(const PacketStream& stream) {
  const auto& parameters = make_parameters(stream);
  return parameters.depth_is_known ? std::optional(parameters.depth) : std::nullopt;
}

}  // namespace freshframe::media
