// The entries of a user's options that freshframe's own RTSP knows.
// SPDX-License-Identifier: Apache-2.0
#include "media/rtsp/client_options.hpp"

#include "freshframe/error.hpp"

#include <optional>
#include <string>

#include "core/ascii.hpp"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
}

namespace freshframe::media::rtsp {
namespace {

constexpr long kLargestReceiveBuffer = 1L << 30U;  // bytes

bool knows(const AVClass* of, const std::string& name) {
  return av_opt_find(static_cast<void*>(&of), name.c_str(), nullptr, 0,
                     AV_OPT_SEARCH_CHILDREN | AV_OPT_SEARCH_FAKE_OBJ) != nullptr;
}

Client client_of(const std::string& value) {
  if (value == "own") return Client::Own;
  if (value == "ffmpeg") return Client::Ffmpeg;
  throw OptionError("options[\"rtsp\"] must be \"own\" or \"ffmpeg\", got \"" + value + "\"");
}

std::optional<long> receive_buffer_of(const std::string& name, const std::string& value) {
  return name == "buffer_size" ? core::number_at(value, kLargestReceiveBuffer) : std::nullopt;
}

/// Returns false if the option is FFmpeg's.
bool read_entry(const std::string& name, const std::string& value, ClientOptions& into) {
  if (name == kClientOption) {
    into.client = client_of(value);
  } else if (name == "rtsp_transport" && (value == "tcp" || value == "udp")) {
    into.session.transport = value == "udp" ? Transport::UdpThenTcp : Transport::TcpThenUdp;
  } else if (name == "rtsp_flags" && value == "prefer_tcp") {
    into.session.transport = Transport::TcpThenUdp;
  } else if (name == "user_agent" && value.find_first_of("\r\n") == std::string::npos) {
    into.session.user_agent = value;
  } else if (const auto bytes = receive_buffer_of(name, value)) {
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

}  // namespace freshframe::media::rtsp
