// Parses the options that freshframe's own RTSP client supports.
// SPDX-License-Identifier: Apache-2.0
#include "sources/rtsp/client_options.hpp"

#include "freshframe/error.hpp"

#include "core/ascii.hpp"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
}

namespace freshframe::media::rtsp {

namespace {

constexpr long kLargestReceiveBuffer = 1L << 30U;  // bytes

bool knows(const AVClass* options, const std::string& name) {
  return av_opt_find(static_cast<void*>(&options), name.c_str(), nullptr, 0,
                     AV_OPT_SEARCH_CHILDREN | AV_OPT_SEARCH_FAKE_OBJ) != nullptr;
}

Client parse_client(const std::string& value) {
  if (value == "own") return Client::Own;
  if (value == "ffmpeg") return Client::Ffmpeg;
  throw OptionError("options[\"rtsp\"] must be \"own\" or \"ffmpeg\", got \"" + value + "\"");
}

std::optional<long> parse_receive_buffer(const std::string& name, const std::string& value) {
  return name == "buffer_size" ? core::number_at(value, kLargestReceiveBuffer) : std::nullopt;
}

/// Returns false if the option is one of FFmpeg's.
bool read_entry(const std::string& name, const std::string& value, ClientOptions& into) {
  if (name == kClientOption) {
    into.client = parse_client(value);
  } else if (name == "rtsp_transport" && (value == "tcp" || value == "udp")) {
    into.session.transport = value == "udp" ? Transport::UdpThenTcp : Transport::TcpThenUdp;
  } else if (name == "rtsp_flags" && value == "prefer_tcp") {
    into.session.transport = Transport::TcpThenUdp;
  } else if (name == "user_agent" && value.find_first_of("\r\n") == std::string::npos) {
    into.session.user_agent = value;
  } else if (const auto bytes = parse_receive_buffer(name, value)) {
    into.session.receive_buffer = static_cast<int>(*bytes);
  } else if (knows(avcodec_get_class(), name) && !knows(avformat_get_class(), name)) {
    into.decoder[name] = value;
  } else {
    return false;
  }
  return true;
}

}  // namespace

ClientOptions read_client_options(const Entries& entries) {
  ClientOptions result;
  result.session.user_agent = "freshframe";
  for (const auto& [name, value] : entries) {
    if (!read_entry(name, value, result))
      result.unknown += (result.unknown.empty() ? "'" : ", '") + name + "'";
  }
  return result;
}

// Chooses the RTSP client for the next attempt: freshframe's own, or FFmpeg's.

namespace {

/// Returns true for failures that another client would have as well.
bool blames_server(std::optional<Trouble> trouble) {
  return trouble == Trouble::Stopped || trouble == Trouble::Unreachable || trouble == Trouble::Refused ||
         trouble == Trouble::Late || trouble == Trouble::NoPackets;
}

}  // namespace

bool ClientChoice::note_failure(std::optional<Trouble> trouble) {
  if (!is_free()) return false;
  if (blames_server(trouble)) {
    own_ = kept_.value_or(own_);  // the other client had its attempt
    return false;
  }
  constexpr int kMostLosses = 2;
  const bool understood = trouble != Trouble::Dialogue;
  if (own_ && understood && ++losses_ % kMostLosses != 0) return false;
  ++failures_;
  const bool before = own_;
  if (!kept_) {
    own_ = !own_;
  } else {
    own_ = own_ == *kept_ && failures_ % kPatience == 0 ? !*kept_ : *kept_;
  }
  return own_ != before;
}

bool ClientChoice::note_frame() {
  failures_ = 0;
  losses_ = 0;
  const bool first = !kept_ && !own_ && is_free();
  if (!kept_) kept_ = own_;
  return first;
}

}  // namespace freshframe::media::rtsp
