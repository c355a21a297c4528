// Fuzzes what an RTSP server can say: messages, challenges, descriptions, packets of RTP and RTCP.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "fuzz_input.hpp"
#include "media/http/authorization.hpp"
#include "sources/rtsp/packets/packet_order.hpp"
#include "sources/rtsp/packets/rtcp.hpp"
#include "sources/rtsp/pictures/picture_maker.hpp"
#include "sources/rtsp/protocol/address.hpp"
#include "sources/rtsp/protocol/sdp.hpp"
#include "sources/rtsp/protocol/stream_reader.hpp"

namespace {

using namespace freshframe;
using namespace freshframe::media::rtsp;
using freshframe::fuzz::Input;
using freshframe::fuzz::require;
using freshframe::media::Damage;

std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool has_line_break(std::string_view text) {
  return text.find_first_of("\r\n") != std::string_view::npos;
}

/// The bytes in pieces; whatever they are, the reader takes no more than there are.
void read_stream(Input input) {
  StreamReader reader;
  if (input.byte() % 2 == 0) reader.set_channels({{0, 96}, {1, {}}});
  const std::size_t piece = 1 + input.byte();
  std::size_t taken = 0;
  try {
    for (auto rest = input.rest(); !rest.empty(); rest = rest.subspan(std::min(piece, rest.size()))) {
      const auto part = rest.first(std::min(piece, rest.size()));
      std::ranges::copy(part, reader.room(part.size()).begin());
      reader.add_filled(part.size());
      while (const auto element = reader.next()) {
        if (const auto* packet = std::get_if<Interleaved>(&*element)) {
          taken += 4 + packet->bytes.size();
        } else {
          static_cast<void>(std::get<Message>(*element).sequence());
          taken += std::get<Message>(*element).body.size();
        }
      }
    }
  } catch (const NotRtsp&) {
  }
  require(taken <= input.rest().size());
}

void read_challenge(Input input) {
  const auto text = text_of(input.rest());
  const auto message = parse_head(text);
  const auto headers = message ? message->find_headers("www-authenticate") : std::vector{text};
  Authorization joe(Credentials{"joe", "pw"});
  if (!joe.accept_challenges(parse_challenges(headers))) return;
  // A header value has no line breaks, so the answer has none.
  const bool clean = std::ranges::none_of(headers, has_line_break);
  require(!clean || !has_line_break(joe.header("PLAY", "rtsp://h/")));
}

void read_description(Input input) {
  const auto description = parse_sdp(text_of(input.rest()));
  for (const auto& one : description.media) {
    require(!has_line_break(one.format) && !has_line_break(one.control) && !has_line_break(one.encoding));
    require(one.payload_type < 128 && one.clock >= 0);
    static_cast<void>(control_url("rtsp://h/a", one.control));
    static_cast<void>(make_sdp(one));
  }
  static_cast<void>(parse_transport(text_of(input.rest())));
  static_cast<void>(base_url("rtsp://h/a", text_of(input.rest()), {}));
  const auto address = parse_address(text_of(input.rest()));
  require(!address || (!has_line_break(address->url) && address->port > 0 && address->port < 65536));
}

class Joining final : public Depacketiser {
 public:
  void add(const RtpPacket& packet, bool /*after_gap*/, std::vector<std::uint8_t>& picture) override {
    picture.insert(picture.end(), packet.payload.begin(), packet.payload.end());
  }
  [[nodiscard]] const AVCodecParameters& parameters() const noexcept override { return parameters_; }

 private:
  AVCodecParameters parameters_{};
};

/// Packets, each after its length; what comes out is no more than what came in.
void read_packets(Input input) {
  const auto codec = static_cast<Codec>(input.byte() % 6);
  PacketOrder order(input.byte() % 2 == 0);
  Joining joining;
  Reception reception(90000);
  std::size_t came = 0;
  std::size_t given = 0;
  std::uint64_t missing = 0;
  std::uint64_t lost = 0;
  std::uint64_t packets = 0;
  Damage damage;
  PictureMaker maker({.codec = codec, .trust = static_cast<PictureEnds::Trust>(input.byte() % 4)}, joining,
                     [&](const Picture& picture) {
                       given += static_cast<std::size_t>(picture.packet->size);
                       missing += picture.missing;
                       const bool damaged = damage.add(picture.notes, picture.arrived);
                       require(damaged || !picture.notes.torn);
                     });
  TimePoint now{};
  while (!input.empty()) {
    const std::size_t size = input.byte();
    now += std::chrono::milliseconds(input.byte());
    std::vector<std::uint8_t> bytes(size);
    for (auto& one : bytes) one = input.byte();
    static_cast<void>(parse_rtcp(bytes));
    if (const auto packet = parse_rtp(bytes)) {
      came += packet->payload.size();
      reception.note_packet(packet->timestamp, now);
      order.add(bytes, packet->sequence, packet->source, now);
    }
    while (const auto ordered = order.take(now)) {
      const auto packet = parse_rtp(ordered->bytes);
      require(packet.has_value());
      lost += ordered->lost;
      ++packets;
      maker.add(*packet, ordered->lost, now);
    }
    static_cast<void>(order.due());
  }
  auto report = reception.report(order, now);
  reception.append_loss(order, report);
  require(given <= came);
  require(missing <= lost + packets);  // a picture whose packets no decoder can use is missing, too
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  switch (input.byte() % 4) {
    case 0:
      read_stream(input);
      break;
    case 1:
      read_challenge(input);
      break;
    case 2:
      read_description(input);
      break;
    default:
      read_packets(input);
  }
  return 0;
}
