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
#include "serve/state/sampler.hpp"

namespace freshframe::serve {

inline constexpr std::string_view kStreamType = "multipart/x-mixed-replace; boundary=freshframe";
inline constexpr std::size_t kMaxTarget = 2048;  // bytes of a request's path and query

struct Reply {
  unsigned status = 200;
  std::string_view type = "text/plain; charset=utf-8";  // static, or of `keep`
  std::string body = {};                                // unless `fixed` is set
  std::string_view fixed = {};                          // static
  std::string headers = {};                             // more of them, each with its line end
  bool sized = true;                                    // it has a length
  bool framed = false;                                  // a page that others may embed in theirs
  std::shared_ptr<const void> keep = {};                // the owner of `fixed` and `type`
};

/// Makes the head of a stream of pictures, which has no length.
[[nodiscard]] std::string format_stream_head(const Reply& reply);
/// The start line, all headers and the empty line. Every answer carries the same protective headers.
[[nodiscard]] std::string format_head(const Reply& reply, bool keep_alive);
/// A short text as an answer.
[[nodiscard]] Reply plain(unsigned status, std::string text);

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
  /// The path of the file that / shows.
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

/// The wishes of the client of a look: /api/look/NAME.jpg?at=-3, or /api/look/NAME.json?back=10&n=4.
struct LookWish {
  std::string name = {};
  std::vector<double> ages = {};  // seconds, the oldest first
  bool exact = true;
  int max_side = 1024;  // pixels
  bool json = false;
  std::string words = {};  // the question in words, for messages
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
