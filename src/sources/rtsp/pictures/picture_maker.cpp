// Assembles frames from a stream's packets, as soon as the last packet of each has arrived.
// SPDX-License-Identifier: Apache-2.0
#include "sources/rtsp/pictures/picture_maker.hpp"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <new>
#include <utility>

#include "media/ffmpeg/read/h264_order.hpp"
#include "sources/rtsp/protocol/message.hpp"

namespace freshframe::media::rtsp {

// Counts frames of which no packet arrived, by the timestamps of the frames that did.

std::uint64_t MissingPictures::add(std::int64_t time, std::uint64_t lost) {
  const auto place = std::ranges::upper_bound(waiting_, time);
  const auto later = static_cast<std::size_t>(waiting_.end() - place);
  depth_ = std::clamp(later + (began_ && time < last_ ? 1U : 0U), depth_, std::size_t{kMostReordered});
  waiting_.insert(place, time);
  since_loss_ = lost > 0 ? 0 : since_loss_ + 1;
  const auto longest = depth_ > 0 ? std::size_t{kMostReordered} : 0;  // reordering is assumed until a frame
                                                                      // is known to be missing
  lost_ = since_loss_ > longest ? 0 : lost_ + lost;
  std::uint64_t missing = 0;
  while (waiting_.size() > depth_) {
    missing += settle(waiting_.front());
    waiting_.erase(waiting_.begin());
  }
  return missing;
}

/// Called when no earlier frame can arrive any more.
std::uint64_t MissingPictures::settle(std::int64_t time) {
  constexpr std::size_t kMostIntervals = 31;
  const auto step = time - last_;
  const bool first = !began_;
  began_ = true;
  last_ = time;
  if (first || step <= 0) return 0;
  if (lost_ == 0) {
    intervals_.push_back(step);
    if (intervals_.size() > kMostIntervals) intervals_.pop_front();
    return 0;
  }
  const auto usual = interval();
  if (usual <= 0) return 0;
  const auto room = static_cast<std::uint64_t>((step + usual / 2) / usual);
  const auto missing = std::min(lost_, room > 0 ? room - 1 : 0);
  lost_ -= missing;
  return missing;
}

/// Returns the median of the newest intervals, in ticks.
std::int64_t MissingPictures::interval() const {
  if (intervals_.empty()) return declared_;
  std::vector<std::int64_t> sorted(intervals_.begin(), intervals_.end());
  std::ranges::sort(sorted);
  return sorted[(sorted.size() - 1) / 2];
}

namespace {

/// Returns true for codecs with slices. For the others, FFmpeg's depacketisers buffer the fragments until the
/// marker.
bool has_slices(Codec codec) {
  return codec == Codec::H264 || codec == Codec::H265 || codec == Codec::Mpeg4;
}

PictureEnds::Trust first_trust(const PictureMaker::Stream& stream) {
  const bool early = stream.trust == PictureEnds::Trust::Learned && !has_slices(stream.codec);
  return early ? PictureEnds::Trust::Early : stream.trust;
}

Bytes sets_of(const AVCodecParameters& parameters) {
  return {parameters.extradata, static_cast<std::size_t>(std::max(parameters.extradata_size, 0))};
}

void merge(const UnitFacts& facts, UnitFacts& into) {
  into.coded = into.coded || facts.coded;
  into.key = into.key || facts.key;
  into.intra = into.intra || facts.intra;
  into.inter = into.inter || facts.inter;
  into.fresh = into.fresh || facts.fresh;
  into.reference = into.reference || facts.reference;
  into.disposable = into.disposable || facts.disposable;
  if (facts.recovery) into.recovery = facts.recovery;
  if (facts.coded) into.layer = facts.layer;
  into.units += facts.units;
}

}  // namespace

PictureMaker::PictureMaker(const Stream& stream, Depacketiser& depacketiser, OnPicture on_picture)
    : codec_(stream.codec),
      clock_(stream.clock),
      ends_(first_trust(stream)),
      missing_(stream.rate ? std::llround(stream.clock / *stream.rate) : 0),
      depacketiser_(depacketiser),
      on_picture_(std::move(on_picture)),
      times_(stream.clock),
      places_(stream.codec, sets_of(depacketiser.parameters()), stream.has_order_numbers) {}

void PictureMaker::add(const RtpPacket& packet, std::uint64_t lost, TimePoint arrived) {
  const auto facts = look_at(codec_, packet.payload);
  if (facts.pictures <= 1 || !has_slices(codec_)) return add_part(packet, facts, lost, arrived);
  const auto parts = split_images(codec_, packet.payload);
  auto part = packet;
  for (const auto& payload : parts) {
    part.payload = payload;
    part.marker = packet.marker && &payload == &parts.back();
    add_part(part, look_at(codec_, payload), std::exchange(lost, 0), arrived);
  }
}

/// Adds a packet, or one of several images in a packet.
void PictureMaker::add_part(const RtpPacket& packet, UnitFacts facts, std::uint64_t lost, TimePoint arrived) {
  // Some cameras send a slice in one NAL unit with parameter sets; this is the rest of such a slice.
  const bool goes_on = lost == 0 && !facts.tail && !unit_ends(codec_, packet.payload).first;
  facts.coded = facts.coded || (goes_on && unit_coded_);
  unit_coded_ = facts.coded;
  const auto part = make_part(packet, facts, lost > 0);
  const auto verdict = ends_.add(part);
  auto unknown = lost;  // lost packets that may belong to either frame
  if (verdict.before) {
    torn_ = torn_ || lost > 0;  // the packet with its marker was lost
    if (lost > 0 && ends_.believes_markers()) --unknown;
    finish();
  }
  const bool begins_headless = facts.coded && !facts_.coded && part.place == SlicePlace::Continues;
  if (begins_headless) places_.forget_image();
  note_loss(facts, unknown);
  lost_ += lost;
  append(packet, facts, lost, arrived);
  if (verdict.after) finish();
}

void PictureMaker::append(const RtpPacket& packet, const UnitFacts& facts, std::uint64_t lost,
                          TimePoint arrived) {
  // Parameter sets and SEI messages in the middle of a frame belong to the next one: some servers repeat them
  // between slices (GStreamer with config-interval=-1), which the H.265 decoder rejects.
  const bool of_next = facts_.coded && !facts.coded && !facts.tail;
  if (!of_next) {
    note_time(packet, arrived);
    ended_ = arrived;
  }
  merge(facts, of_next ? next_facts_ : facts_);
  taken_ += packet.payload.size();
  // For these codecs FFmpeg buffers the fragments itself, until the marker.
  if (!has_slices(codec_) && taken_ > kMostBytes)
    throw Fault(Trouble::Lost, "a frame is larger than 8 MiB, or its end is missing", EBADMSG);
  gap_ = gap_ || lost > 0;
  if (!lacks_beginning(packet, lost)) {
    usable_ = usable_ || facts.coded;
    depacketiser_.add(packet, std::exchange(gap_, false), of_next ? next_units_ : bytes_);
  }
  if (next_units_.size() > kMostSetBytes) next_units_.clear();
  if (bytes_.size() > kMostBytes || facts_.units > kMostUnits) {
    bytes_.clear();
    too_large_ = true;
  }
}

PictureEnds::Part PictureMaker::make_part(const RtpPacket& packet, const UnitFacts& facts, bool after_loss) {
  const bool goes_on = has_open_fragment(codec_, packet.payload);
  const auto place = places_.place(packet.payload, facts, after_loss);
  return {.timestamp = packet.timestamp,
          .marker = packet.marker && !goes_on,
          .coded = facts.coded,
          .tail = facts.tail,
          .delimiter = facts.delimiter,
          .key = facts.can_begin(),
          .half = places_.is_half(),
          .after_loss = after_loss,
          .place = place};
}

/// Without its first packet a NAL unit is useless, and FFmpeg would append the rest to the previous one.
bool PictureMaker::lacks_beginning(const RtpPacket& packet, std::uint64_t lost) {
  const auto ends = unit_ends(codec_, packet.payload);
  if (ends.first) unit_open_ = true;
  if (!ends.first && lost > 0 && unit_ended_) unit_open_ = false;
  unit_ended_ = ends.last;
  return !unit_open_;
}

/// Packets lost before the first slice may belong to this frame or to earlier ones.
void PictureMaker::note_loss(const UnitFacts& facts, std::uint64_t lost) {
  if (facts_.coded) {
    torn_ = torn_ || lost > 0;
    return;
  }
  const bool headless = facts.coded && !facts.first;
  torn_ = torn_ || (headless && (lost > 0 || after_loss_));
  after_loss_ = after_loss_ || lost > (headless ? 1U : 0U);
}

/// A frame has the timestamp of its slices: parameter sets may arrive much earlier, with that of the previous
/// frame.
void PictureMaker::note_time(const RtpPacket& packet, TimePoint arrived) {
  if (open_ && (facts_.coded || (packet.timestamp == timestamp_ && !times_.are_doubted()))) return;
  open_ = true;
  arrived_ = arrived;
  timestamp_ = packet.timestamp;
}

void PictureMaker::finish() {
  depacketiser_.end(bytes_);
  time_ = times_.place(timestamp_, arrived_);
  if (first_report_) note_report(*std::exchange(first_report_, std::nullopt));
  taken_ = 0;
  const bool was_too_large = std::exchange(too_large_, false);
  if (was_too_large) {
    ++oversized_;
    bytes_.clear();
  }
  open_ = unit_open_ = false;
  if (facts_.coded && (bytes_.empty() || !usable_) && !was_too_large) return discard();
  usable_ = false;
  if (!bytes_.empty()) return on_picture_(take_picture());
  static_cast<void>(take_notes());
  after_loss_ = true;
  begin_picture();
}

/// Drops a frame that no decoder can use. It counts as lost, and the next frame is marked. Frames before the
/// first complete one are not counted.
void PictureMaker::discard() {
  std::vector<std::uint8_t> sets;
  if (codec_ == Codec::H264) append_sets(UnitSyntax::H264, bytes_, sets);
  if (codec_ == Codec::H265) append_sets(UnitSyntax::H265, bytes_, sets);
  next_units_.insert(next_units_.begin(), sets.begin(), sets.end());
  if (gave_) {
    const auto of_others = std::exchange(lost_, 0);
    discarded_ += 1 + missing_.add(time_.ticks, of_others > 0 ? of_others - 1 : 0);
  }
  usable_ = false;
  const auto notes = take_notes();
  after_loss_ = notes.reference || notes.after_loss;
  begin_picture();
}

/// Starts with the units that arrived during the previous frame. Reuses the buffer unless it is unusually
/// large.
void PictureMaker::begin_picture() {
  constexpr std::size_t kMostKept = 256U << 10U;
  if (bytes_.capacity() > kMostKept) bytes_ = {};
  bytes_.assign(next_units_.begin(), next_units_.end());
  next_units_.clear();
}

Picture PictureMaker::take_picture() {
  Picture picture{
      .packet = make_av_packet(), .arrived = arrived_, .ended = ended_, .key = facts_.can_begin()};
  if (av_new_packet(picture.packet.get(), static_cast<int>(bytes_.size())) < 0) throw std::bad_alloc();
  std::memcpy(picture.packet->data, bytes_.data(), bytes_.size());
  begin_picture();
  picture.packet->pts = time_.known ? time_.ticks : AV_NOPTS_VALUE;
  if (picture.key) picture.packet->flags |= AV_PKT_FLAG_KEY;
  picture.report = std::exchange(report_, std::nullopt);
  picture.notes = take_notes();
  picture.missing = std::exchange(discarded_, 0) + missing_.add(time_.ticks, std::exchange(lost_, 0));
  gave_ = true;
  picture.by_marker = ends_.believes_markers();
  return picture;
}

/// Returns the notes of this frame, and continues with the facts of units that already arrived for the next
/// one.
PictureNotes PictureMaker::take_notes() {
  layers_ = std::max(layers_, facts_.layer);
  const bool disposable = facts_.disposable && !facts_.reference && facts_.layer == layers_;
  const PictureNotes notes{.torn = std::exchange(torn_, false),
                           .after_loss = std::exchange(after_loss_, false),
                           .reference = !disposable,
                           .refresh = find_refresh(facts_),
                           .recovery = facts_.recovery.value_or(0),
                           .time = time_.known ? std::optional(seconds(time_.ticks)) : std::nullopt};
  facts_ = std::exchange(next_facts_, {});
  return notes;
}

std::uint64_t PictureMaker::unfinished_count() const noexcept {
  return gave_ ? discarded_ + (facts_.coded ? 1 : 0) : 0;
}

/// Timestamps wrap around and a report may be old, but it is never far from the next frame.
void PictureMaker::note_report(const SenderReport& report) {
  if (!report.wall_time) return;
  if (!times_.has_begun()) {
    first_report_ = report;
    return;
  }
  if (const auto ticks = times_.find(report.timestamp))
    report_ = {.time = seconds(*ticks), .utc = *report.wall_time};
}

}  // namespace freshframe::media::rtsp
