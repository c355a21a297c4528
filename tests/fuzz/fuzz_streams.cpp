// Fuzzes the code between a network stream and FFmpeg's demuxer: transport streams, JPEG pictures in
// parts, NAL units, playlists.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz_input.hpp"
#include "media/stream/playlist.hpp"
#include "media/units/unit_facts.hpp"
#include "sources/network/filter/multipart_filter.hpp"
#include "sources/network/filter/ts_filter.hpp"

namespace {

using namespace freshframe;
using namespace freshframe::media;
using freshframe::fuzz::Input;
using freshframe::fuzz::require;

/// The filter's output for the bytes, in pieces of this size. In between, a reader takes some.
std::vector<std::uint8_t> filtered(ByteFilter& filter, Bytes bytes, std::size_t piece) {
  FilteredBytes out;
  std::vector<std::uint8_t> result;
  std::vector<std::uint8_t> taken(piece);
  const auto take = [&] {
    const auto count = out.take(taken);
    result.insert(result.end(), taken.begin(), taken.begin() + static_cast<std::ptrdiff_t>(count));
    static_cast<void>(out.arrival(static_cast<std::int64_t>(result.size())));
    return count > 0;
  };
  while (!bytes.empty()) {
    const auto size = std::min(piece, bytes.size());
    filter.add(bytes.first(size), TimePoint{}, out);
    static_cast<void>(take());
    bytes = bytes.subspan(size);
  }
  filter.finish(out);
  while (take()) {
  }
  require(out.empty());
  return result;
}

/// Nothing is lost, and the packets that were put in are the only difference.
void read_transport_stream(Input input) {
  const std::size_t piece = 1 + 7 * std::size_t{input.byte()};
  const auto bytes = input.rest();
  TsFilter plain;
  require(std::ranges::equal(filtered(plain, bytes, piece), bytes));
  for (const int pid : {0x100, 0x1011}) {
    TsFilter filter(pid == 0x100);
    FilteredBytes none;
    filter.end_early(pid, none);
    require(none.empty());
    const auto more = filtered(filter, bytes, piece).size() - bytes.size();
    require(more % kTsPacketSize == 0 && more <= bytes.size());
    static_cast<void>(filter.is_scrambled(pid));
    static_cast<void>(filter.believes_stuffing());
  }
}

/// Nothing if the filter refuses them, such as for a picture that is too large.
std::optional<std::vector<std::uint8_t>> filtered_unless_refused(ByteFilter& filter, Bytes bytes,
                                                                 std::size_t piece) {
  try {
    return filtered(filter, bytes, piece);
  } catch (const Error&) {
    return std::nullopt;
  }
}

/// The same pieces or others: the same result. It has no more than a line for each picture besides.
void read_parts(Input input) {
  constexpr std::size_t kLine = 40;
  const std::size_t piece = 1 + std::size_t{input.byte()};
  const auto bytes = input.rest();
  MultipartFilter whole;
  MultipartFilter cut;
  const auto result = filtered_unless_refused(whole, bytes, bytes.size() + 1);
  require(result == filtered_unless_refused(cut, bytes, piece));
  require(!result || result->size() <= bytes.size() + kLine * (1 + bytes.size() / 4));
}

void read_units(Input input) {
  const auto syntax = input.byte() % 2 == 0 ? UnitSyntax::H264 : UnitSyntax::H265;
  const auto bytes = input.rest();
  const auto facts = look_at_units(syntax, bytes);
  require(facts.units >= facts.sets && facts.units >= facts.pictures);
  require(after_start_code(bytes).size() + 3 <= bytes.size() || after_start_code(bytes).empty());
}

/// Every segment's time is a time.
void read_playlist(Input input) {
  constexpr std::size_t kUrls = 8;
  const auto bytes = input.rest();
  const std::string_view text{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  const auto playlist = parse_playlist(text);
  std::vector<std::string> urls;
  for (const auto& segment : playlist.segments) {
    require(!segment.time || std::isfinite(*segment.time));
    require(segment.uri.find('\n') == std::string::npos);
    if (urls.size() < kUrls) urls.push_back("http://h/a/" + segment.uri);
  }
  const auto found = find_any_time(playlist, urls);
  require(!found || std::isfinite(*found));
  static_cast<void>(parse_date_time(text));
  const auto shorter = parse_playlist(with_last_duration(text, "0.01"));
  require(shorter.segments.size() == playlist.segments.size() && shorter.newest() == playlist.newest());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  switch (input.byte() % 4) {
    case 0:
      read_transport_stream(input);
      break;
    case 1:
      read_parts(input);
      break;
    case 2:
      read_units(input);
      break;
    default:
      read_playlist(input);
  }
  return 0;
}
