// From a request's head to its answer; no sockets in here.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/serve.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "serve/http/gate.hpp"
#include "serve/http/look_question.hpp"
#include "serve/http/reply.hpp"
#include "serve/state/sampler.hpp"

namespace freshframe::serve {

inline constexpr std::size_t kMaxTarget = 2048;  // bytes of a request's path and query

/// The source of the state that handlers read.
class StateSource {
 public:
  StateSource() = default;
  StateSource(const StateSource&) = delete;
  StateSource& operator=(const StateSource&) = delete;
  virtual ~StateSource() = default;
  [[nodiscard]] virtual const Sampler& sample_now() = 0;
  [[nodiscard]] virtual bool has_port(std::string_view name) const = 0;
  /// nullopt means a look has this name; otherwise the names of the existing looks, as a text.
  [[nodiscard]] virtual std::optional<std::string> explain_missing_look(std::string_view name) const = 0;
  /// A document of the program's own; null without one.
  [[nodiscard]] virtual std::shared_ptr<const Document> document(std::string_view path) const = 0;
};

/// The wishes of the client of a stream of pictures.
struct StreamWishes {
  static constexpr double kMostPerSecond = 15;
  double fps = 10;     // at most
  int max_side = 960;  // pixels of the longer side that it can show
};

/// The wishes of the client of a single picture.
struct PictureWish {
  std::optional<std::int64_t> after = {};  // it has the picture with this seq
};

struct Routed {
  enum class To : std::uint8_t { Reply, Live, Video, Picture, Stream, Look };
  To to = To::Reply;
  Reply reply = {};          // for To::Reply; for To::Picture and To::Stream only the headers
  std::string port = {};     // for To::Picture and To::Stream
  StreamWishes wishes = {};  // for To::Stream
  PictureWish wish = {};     // for To::Picture
  LookWish look = {};        // for To::Look
  bool permitted = false;    // the Host and Origin are accepted, and the token, if needed, is right
};

/// `head`: of a request that apply_rules() has let pass.
[[nodiscard]] Routed route(const RequestHead& head, const Gate& gate, StateSource& source);
/// 503 with the reason for which a port has no picture.
[[nodiscard]] Reply no_picture(const Snapshot& seen);

}  // namespace freshframe::serve
