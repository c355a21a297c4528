// The entries of a user's options that freshframe's own RTSP knows.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "media/rtsp/session/session.hpp"

namespace freshframe::media::rtsp {

using Entries = std::map<std::string, std::string>;

/// options={"rtsp": "own"} or "ffmpeg": which client is to be used, without a second attempt by the other.
inline constexpr const char* kClientOption = "rtsp";
enum class Client : std::uint8_t { Any, Own, Ffmpeg };

struct ClientOptions {
  Client client = Client::Any;
  SessionOptions session;
  Entries decoder;      // of FFmpeg's decoder
  std::string unknown;  // "'a', 'b'": those that only FFmpeg's RTSP may know; empty: none
};

/// Throws OptionError for a value of "rtsp" that is neither "own" nor "ffmpeg".
[[nodiscard]] ClientOptions read_client_options(const Entries& entries);

}  // namespace freshframe::media::rtsp
