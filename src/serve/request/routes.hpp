// Maps a request head to its response. No I/O.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/serve.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "serve/request/gate.hpp"
#include "serve/request/look_question.hpp"
#include "serve/request/reply.hpp"
#include "serve/state/sampler.hpp"

namespace freshframe::serve {

/// The state that handlers read.
class StateSource {
 public:
  StateSource() = default;
  StateSource(const StateSource&) = delete;
  StateSource& operator=(const StateSource&) = delete;
  virtual ~StateSource() = default;
  [[nodiscard]] virtual const Sampler& sample_now() = 0;
  [[nodiscard]] virtual bool has_port(std::string_view name) const = 0;
  /// Returns nullopt if there is a look with this name, otherwise a list of the existing looks for the
  /// message.
  [[nodiscard]] virtual std::optional<std::string> explain_missing_look(std::string_view name) const = 0;
  /// A document registered by the program, or null.
  [[nodiscard]] virtual std::shared_ptr<const Document> document(std::string_view path) const = 0;
};

/// Parameters of an MJPEG stream.
struct StreamWishes {
  static constexpr double kMostPerSecond = 15;
  static constexpr int kMostSide = 1920;  // pixels
  double fps = 10;                        // at most
  int max_side = 960;                     // pixels of the longer side
};

/// Parameters of a single image.
struct PictureWish {
  std::optional<std::int64_t> after = {};  // seq of the image that the client already has
};

struct Routed {
  enum class To : std::uint8_t { Reply, Live, Video, Camera, Picture, Stream, Look };
  To to = To::Reply;
  Reply reply = {};          // for To::Reply; for To::Picture and To::Stream only its headers
  std::string port = {};     // for To::Picture and To::Stream
  StreamWishes wishes = {};  // for To::Stream
  PictureWish wish = {};     // for To::Picture
  LookWish look = {};        // for To::Look
  bool permitted = false;    // Host and Origin are accepted, and so is the token if one is needed
};

/// `head`: a request that apply_rules() has accepted.
[[nodiscard]] Routed route(const RequestHead& head, const Gate& gate, StateSource& source);
/// 503 with the reason why a port has no image.
[[nodiscard]] Reply no_picture(const Snapshot& seen);

}  // namespace freshframe::serve
