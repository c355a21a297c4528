// The pictures of a stream's last seconds. A program asks for them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/media.hpp"
#include "freshframe/packet.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace freshframe {

/// The samples that a look keeps.
struct LookOptions {
  double seconds = 30;                  // seconds of capture that are kept, above 0, at most 3600
  double every = 0.5;                   // seconds between two kept pictures, 0 to 60; of packets all are kept
  std::size_t max_bytes = 256U << 20U;  // memory of the encoded pictures: the oldest go first
};

/// A picture of the last seconds, with the stamp of its capture.
struct Snapshot {
  Stamp stamp;
  Frame frame;
  /// Seconds between it and the next picture of the answer, or now, in which the look got no picture although the
  /// stream's rate says that there should have been some; 0 means none.
  double gap = 0;
};

/// Who asks: the program, or a client of the server.
enum class LookAsker : std::uint8_t { Program, Network };

/// A question about the last seconds.
struct LookQuestion {
  std::vector<double> ages;  // seconds before now, 0 or more
  bool exact = false;        // decode up to each moment, and not only the keyframe before it
  LookAsker asker = LookAsker::Program;
  std::shared_ptr<const Clock> clock = Clock::real();  // clock of the pictures' captures; defines now
  std::stop_token stop{};                              // ends the question
};

/// The questions to a look, which it answers on the thread that asks. Any thread. In a process, two questions
/// of the program are decoded at a time, and beside them one of the network. The others wait for their turn:
/// now is when it has come.
class LookBack {
 public:
  using Take = std::function<void(Snapshot)>;

  LookBack() = default;
  LookBack(const LookBack&) = delete;
  LookBack& operator=(const LookBack&) = delete;
  virtual ~LookBack() = default;

  /// For each of the ages the newest picture that was captured by then, the oldest first, and each once. Not exact: of
  /// pictures that refer to others the last keyframe before, which costs the decoding of one picture. An age that is
  /// beyond what is kept has none. `take` gets one after the other, within the turn: a picture is decoded when those
  /// before the last one have been taken. After a stop it gets no further pictures. Throws OptionError for an
  /// age below 0, Error when a picture cannot be decoded, and what `take` throws.
  virtual void look(const LookQuestion& question, const Take& take) = 0;
  /// All of them. Empty means that no picture is kept.
  [[nodiscard]] std::vector<Snapshot> snapshots(const LookQuestion& question);
};

/// Keeps the last seconds of a stream. Below make_packet_source() a camera it keeps the camera's own packets, from a keyframe
/// on, and nothing is decoded until a picture is asked for. Below frames it keeps one every `every` seconds as JPEG: what
/// is above it in the graph, such as a blur, is in each of them. The constructor throws OptionError.
class Look final : public EitherNode<Frame, Packet, Nothing>, public LookBack {
 public:
  explicit Look(const LookOptions& options = {});
  ~Look() override;

  void look(const LookQuestion& question, const Take& take) override;
  [[nodiscard]] std::string default_name() const override { return "Look"; }
  [[nodiscard]] NodeContract contract() const override;
  [[nodiscard]] NodeAbilities abilities() noexcept override { return {.look = this}; }
  [[nodiscard]] std::vector<const TypeInfo*> input_types() const override;
  void set_input(const TypeInfo* type) override;
  std::optional<Nothing> process(const Sample<Frame>& sample, const Context& context) override;
  std::optional<Nothing> process(const Sample<Packet>& sample, const Context& context) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace freshframe
