// Marks the last packet of each frame in a transport stream, where FFmpeg would wait for the next frame.
// SPDX-License-Identifier: Apache-2.0
#include "sources/network/filter/ts_filter.hpp"

#include <algorithm>
#include <utility>

namespace freshframe::media {

// Parses transport stream packet headers (ISO/IEC 13818-1, 2.4.3).

namespace {

constexpr std::size_t kHeader = 4;
constexpr unsigned kUnitStart = 0x40;   // payload_unit_start_indicator
constexpr unsigned kScrambling = 0xC0;  // transport_scrambling_control
constexpr unsigned kHasField = 0x20;    // adaptation_field_control
constexpr unsigned kHasPayload = 0x10;

/// Returns true if an adaptation field contains stuffing (2.4.3.4). `field`: the bytes after its length.
bool is_stuffed(Bytes field) noexcept {
  if (field.empty()) return true;  // a length of 0 means one stuffing byte
  const unsigned flags = field[0];
  if (field.size() == 1) return flags == 0;
  std::size_t used = 1;
  if ((flags & 0x10U) != 0) used += 6;  // PCR
  if ((flags & 0x08U) != 0) used += 6;  // OPCR
  if ((flags & 0x04U) != 0) used += 1;  // splice_countdown
  const auto skip_with_length = [&] { used += used < field.size() ? 1U + field[used] : 1U; };
  if ((flags & 0x02U) != 0) skip_with_length();  // private data
  if ((flags & 0x01U) != 0) skip_with_length();  // extension
  return field.size() > used;
}

}  // namespace

TsPacket parse_ts_packet(Bytes bytes) noexcept {
  TsPacket packet{.pid = (bytes[1] & 31) << 8 | bytes[2],
                  .starts = (bytes[1] & kUnitStart) != 0,
                  .scrambled = (bytes[3] & kScrambling) != 0,
                  .counter = static_cast<std::uint8_t>(bytes[3] & 15U),
                  .payload = {}};
  auto rest = bytes.subspan(kHeader);
  if ((bytes[3] & kHasField) != 0) {
    const std::size_t length = rest[0];
    rest = rest.subspan(1);
    if (length > rest.size()) return packet;
    packet.stuffed = is_stuffed(rest.first(length));
    rest = rest.subspan(length);
  }
  if ((bytes[3] & kHasPayload) != 0) packet.payload = rest;
  return packet;
}

namespace {

/// Reads 13 bits, the size of a PID.
int pid_at(Bytes bytes) noexcept {
  return (bytes[0] & 31) << 8 | bytes[1];
}

/// Reads 12 bits, the size of a length.
std::size_t length_at(Bytes bytes) noexcept {
  return (bytes[0] & 15U) << 8U | bytes[1];
}

/// Returns the entries of the table that begins in this packet. Empty if it is another table, or exceeds the
/// packet.
Bytes view_entries(const TsPacket& packet, int table_id) noexcept {
  // bytes up to and including the length field, which the length does not count
  constexpr std::size_t kBefore = 3;
  constexpr std::size_t kHead = 8;  // size of a table's head before its entries, in bytes
  constexpr std::size_t kCrc = 4;   // bytes after them
  if (!packet.starts || packet.scrambled || packet.payload.empty()) return {};
  const auto table =
      packet.payload.subspan(std::min<std::size_t>(packet.payload[0] + 1U, packet.payload.size()));
  if (table.size() < kBefore || table[0] != table_id) return {};
  const auto size = kBefore + length_at(table.subspan(1));
  if (size > table.size() || size < kHead + kCrc) return {};
  return table.subspan(kHead, size - kHead - kCrc);
}

/// Returns the PID of the first program's PMT.
std::optional<int> program_in(Bytes entries) noexcept {
  constexpr std::size_t kEntry = 4;
  for (; entries.size() >= kEntry; entries = entries.subspan(kEntry)) {
    const bool is_network = entries[0] == 0 && entries[1] == 0;
    if (!is_network) return pid_at(entries.subspan(2));
  }
  return std::nullopt;
}

std::optional<TsVideo> video_in(Bytes entries) noexcept {
  constexpr std::array kVideos{0x01, 0x02, 0x10, 0x1B, 0x24, 0x33, 0x42, 0xD1, 0xEA};
  constexpr std::size_t kInfo = 4;   // bytes before the descriptors of the program
  constexpr std::size_t kEntry = 5;  // size of an entry before its descriptors, in bytes
  if (entries.size() < kInfo) return std::nullopt;
  auto skipped = kInfo + length_at(entries.subspan(2));
  while (entries.size() >= skipped + kEntry) {
    entries = entries.subspan(skipped);
    if (std::ranges::find(kVideos, entries[0]) != kVideos.end())
      return TsVideo{.type = entries[0], .pid = pid_at(entries.subspan(1))};
    skipped = kEntry + length_at(entries.subspan(3));
  }
  return std::nullopt;
}

}  // namespace

std::optional<TsVideo> video_in_tables(Bytes head) noexcept {
  constexpr int kPrograms = 0;  // table_id and PID of the PAT
  constexpr int kProgram = 2;   // table_id of a PMT
  std::optional<int> program;
  for (; head.size() >= kTsPacketSize && head[0] == kTsSync; head = head.subspan(kTsPacketSize)) {
    const auto packet = parse_ts_packet(head.first(kTsPacketSize));
    if (packet.pid == kPrograms && !program) program = program_in(view_entries(packet, kPrograms));
    if (packet.pid != program) continue;
    if (const auto video = video_in(view_entries(packet, kProgram))) return video;
  }
  return std::nullopt;
}

bool begins_video(Bytes payload) noexcept {
  constexpr unsigned kVideo = 0xE;  // stream_id 0xE0 to 0xEF (table 2-22)
  return payload.size() > 3 && payload[0] == 0 && payload[1] == 0 && payload[2] == 1 &&
         payload[3] >> 4U == kVideo;
}

std::array<std::uint8_t, kTsPacketSize> ts_packet_that_ends(const TsPacket& last) noexcept {
  constexpr std::uint8_t kDiscontinuity = 0x80;  // so that the next continuity counter is not compared
  std::array<std::uint8_t, kTsPacketSize> bytes{};
  bytes.fill(0xFF);  // the payload byte is not part of a start code either
  const auto pid = static_cast<unsigned>(last.pid);
  bytes[0] = kTsSync;
  bytes[1] = static_cast<std::uint8_t>(kUnitStart | pid >> 8U);
  bytes[2] = static_cast<std::uint8_t>(pid & 255U);
  bytes[3] = static_cast<std::uint8_t>(kHasField | kHasPayload | last.counter);
  // All but the length byte and the payload.
  bytes[4] = static_cast<std::uint8_t>(kTsPacketSize - kHeader - 2);
  bytes[5] = kDiscontinuity;
  return bytes;
}

void TsFilter::add(Bytes bytes, TimePoint arrived, FilteredBytes& out) {
  part_.insert(part_.end(), bytes.begin(), bytes.end());
  Bytes rest(part_);
  while (rest.size() >= kTsPacketSize) {
    if (rest[0] == kTsSync && in_step_) {
      add_packet(rest.first(kTsPacketSize), arrived, out);
      rest = rest.subspan(kTsPacketSize);
      continue;
    }
    in_step_ = false;
    if (rest.size() == kTsPacketSize) break;  // wait for the next byte to decide
    in_step_ = rest[0] == kTsSync && rest[kTsPacketSize] == kTsSync;
    if (in_step_) continue;
    const auto next = std::find(rest.begin() + 1, rest.end(), kTsSync);
    const auto skipped = static_cast<std::size_t>(next - rest.begin());
    out.append(rest.first(skipped));
    rest = rest.subspan(skipped);
  }
  part_.erase(part_.begin(), part_.end() - static_cast<std::ptrdiff_t>(rest.size()));
  end_picture(out);
}

void TsFilter::end_early(std::optional<int> pid, FilteredBytes& out) {
  early_ = pid;
  end_picture(out);
}

bool TsFilter::believes_stuffing() const {
  const auto found = early_ ? videos_.find(*early_) : videos_.end();
  return found != videos_.end() && found->second.picture_ends.believes_markers();
}

void TsFilter::end_picture(FilteredBytes& out) {
  const auto found = early_ ? videos_.find(*early_) : videos_.end();
  if (found == videos_.end() || !std::exchange(found->second.ends, false)) return;
  out.append(ts_packet_that_ends({.pid = *early_, .counter = found->second.counter, .payload = {}}));
}

void TsFilter::finish(FilteredBytes& out) {
  out.append(part_);
  part_.clear();
}

void TsFilter::add_packet(Bytes bytes, TimePoint arrived, FilteredBytes& out) {
  const auto packet = parse_ts_packet(bytes);
  if (packet.scrambled) scrambled_.set(static_cast<std::size_t>(packet.pid));
  Video* video = packet.payload.empty() || packet.scrambled ? nullptr : find_video(packet);
  if (video == nullptr) return out.append(bytes);
  const bool follows = packet.counter == ((video->counter + 1) & 15);
  if (packet.pid == early_ && (packet.starts || !follows)) end_picture(out);
  video->ends = false;  // the frame may continue
  // FFmpeg's demuxer flags corrupt frames, but misses a loss between two frames if the first one was ended
  // early.
  const bool repeats = packet.counter == video->counter;
  if (packet.pid == early_ && !video->open && !follows && !repeats) video->after_loss = true;
  if (packet.starts) out.begin_picture(arrived, std::exchange(video->after_loss, false));
  out.append(bytes);
  video->counter = packet.counter;
  // If packets after the end of a frame were lost, the next frame started among them.
  if (packet.starts || (!video->open && !follows)) ++video->picture;
  video->open = true;
  const auto verdict =
      video->picture_ends.add({.timestamp = video->picture, .marker = packet.stuffed, .coded = true});
  if (!verdict.after) return;
  video->open = false;
  video->ends = true;
}

/// Returns null if the packet is not from a video stream.
TsFilter::Video* TsFilter::find_video(const TsPacket& packet) {
  const auto found = videos_.find(packet.pid);
  if (found != videos_.end()) return &found->second;
  if (!packet.starts || !begins_video(packet.payload) || videos_.size() >= kMostVideos) return nullptr;
  return &videos_.try_emplace(packet.pid, Video{.picture_ends = PictureEnds(trust_)}).first->second;
}

}  // namespace freshframe::media
