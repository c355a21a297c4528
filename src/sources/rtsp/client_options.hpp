// The entries of a user's options that freshframe's own RTSP knows.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>

#include "sources/rtsp/protocol/message.hpp"
#include "sources/rtsp/session/session.hpp"

namespace freshframe::media::rtsp {

using Entries = std::map<std::string, std::string>;

/// options={"rtsp": "own"} or "ffmpeg": which client is to be used, without a second attempt by the other.
inline constexpr const char* kClientOption = "rtsp";
enum class Client : std::uint8_t { Any, Own, Ffmpeg };

struct ClientOptions {
  Client client = Client::Any;
  SessionOptions session;
  Entries decoder;      // options of FFmpeg's decoder
  std::string unknown;  // "'a', 'b'": the options that only FFmpeg's RTSP may know; empty means none
};

/// Throws OptionError for a value of "rtsp" that is neither "own" nor "ffmpeg".
[[nodiscard]] ClientOptions read_client_options(const Entries& entries);

// Chooses the RTSP client of the next attempt: freshframe's own, or FFmpeg's.

/// The own client comes first. When it does not understand the server, or when it has lost two connections in
/// a row before their first frame, the other one is tried, in turn, until one of them has given a frame. That
/// one is kept. After three failures of it in a row the other has one attempt again. One thread.
class ClientChoice {
 public:
  /// `wanted`: Any, or the client that is always taken.
  explicit ClientChoice(Client wanted = Client::Any) : wanted_(wanted) {}

  [[nodiscard]] bool is_own() const noexcept {
    return wanted_ == Client::Any ? own_ : wanted_ == Client::Own;
  }
  /// Whether another attempt at once, by the other client, makes sense.
  [[nodiscard]] bool is_free() const noexcept { return wanted_ == Client::Any; }

  /// The attempt has failed, or its connection was lost before its first frame; nullopt means for another
  /// reason than a Fault. True means the next attempt is made by the other client.
  bool note_failure(std::optional<Trouble> trouble);
  /// Returns true if FFmpeg's client has given its first frame where the own one had failed.
  bool note_frame();

 private:
  static constexpr int kPatience = 3;

  const Client wanted_;
  bool own_ = true;
  std::optional<bool> kept_;  // whether the kept one is the own
  int failures_ = 0;          // in a row
  int losses_ = 0;            // losses of the own client, in a row
};

}  // namespace freshframe::media::rtsp
