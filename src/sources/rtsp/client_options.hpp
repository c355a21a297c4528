// Parses the options that freshframe's own RTSP client supports.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>

#include "sources/rtsp/protocol/message.hpp"
#include "sources/rtsp/session/session.hpp"

namespace freshframe::media::rtsp {

using Entries = std::map<std::string, std::string>;

/// options={"rtsp": "own"} or "ffmpeg" selects the client, without falling back to the other.
inline constexpr const char* kClientOption = "rtsp";
enum class Client : std::uint8_t { Any, Own, Ffmpeg };

struct ClientOptions {
  Client client = Client::Any;
  SessionOptions session;
  Entries decoder;      // options of FFmpeg's decoder
  std::string unknown;  // options that only FFmpeg's RTSP client may know, as "'a', 'b'"; or empty
};

/// Throws OptionError for a value of "rtsp" that is neither "own" nor "ffmpeg".
[[nodiscard]] ClientOptions read_client_options(const Entries& entries);

// Chooses the RTSP client for the next attempt: freshframe's own, or FFmpeg's.

/// freshframe's own client is used first. If it does not understand the server, or loses two connections in a
/// row before their first frame, the clients take turns until one delivers a frame. The client that did is
/// kept, but after three failures in a row the other client gets one attempt. Not thread-safe.
class ClientChoice {
 public:
  /// `wanted`: Any, or the client to use always.
  explicit ClientChoice(Client wanted = Client::Any) : wanted_(wanted) {}

  [[nodiscard]] bool is_own() const noexcept {
    return wanted_ == Client::Any ? own_ : wanted_ == Client::Own;
  }
  /// Returns true if the other client may be tried immediately.
  [[nodiscard]] bool is_free() const noexcept { return wanted_ == Client::Any; }

  /// Call if the attempt failed, or the connection was lost before its first frame; nullopt for reasons other
  /// than a Fault. Returns true if the next attempt uses the other client.
  bool note_failure(std::optional<Trouble> trouble);
  /// Returns true if FFmpeg's client delivered its first frame after freshframe's own client failed.
  bool note_frame();

 private:
  static constexpr int kPatience = 3;

  const Client wanted_;
  bool own_ = true;
  std::optional<bool> kept_;  // true if freshframe's own client is kept
  int failures_ = 0;          // in a row
  int losses_ = 0;            // in a row, of freshframe's own client
};

}  // namespace freshframe::media::rtsp
