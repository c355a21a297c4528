// Keeps the last few seconds of a stream, and returns images from them on request.
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

/// Options of Look.
struct LookOptions {
  double seconds = 30;                  // length of video to keep, above 0 and at most 3600
  double every = 0.5;                   // minimum distance of two kept frames, 0 to 60; packets are all kept
  std::size_t max_bytes = 256U << 20U;  // limit for encoded images in memory; the oldest are discarded first
};

/// An image from the last few seconds, with the stamp of its capture.
struct Snapshot {
  Stamp stamp;
  Frame frame;
  /// Seconds until the next returned image (or now) during which no frames arrived although they were due at
  /// the stream's frame rate; 0 if none are missing.
  double gap = 0;
};

/// Who is asking: the program, or a client of the server.
enum class LookAsker : std::uint8_t { Program, Network };

/// A request for images from the last few seconds.
struct LookQuestion {
  std::vector<double> ages;  // seconds before now, 0 or more
  bool exact = false;        // decode the exact frame instead of the nearest earlier keyframe
  LookAsker asker = LookAsker::Program;
  /// The clock of the frames' capture times. `ages` are relative to its current time.
  std::shared_ptr<const Clock> clock = Clock::real();
  std::stop_token stop{};  // cancels the request
};

/// Answers requests on the calling thread. Thread-safe. To limit CPU load, a process decodes at most two
/// requests of the program and one of the network at a time. Others wait for their turn, and "now" is when
/// their turn comes.
class LookBack {
 public:
  using Take = std::function<void(Snapshot)>;

  LookBack() = default;
  LookBack(const LookBack&) = delete;
  LookBack& operator=(const LookBack&) = delete;
  virtual ~LookBack() = default;

  /// For each age, finds the newest frame captured by then, and calls `take` for each one, oldest first,
  /// without duplicates. Unless `exact` is set, it uses the previous keyframe of compressed video, so that
  /// only one image is decoded. Ages beyond what is kept are skipped. `take` is called for an image once the
  /// next one has been decoded, which determines its `gap`, and within the request's turn: a slow `take`
  /// delays other requests. After a stop it is not called again.
  ///
  /// Throws OptionError for a negative age, Error if an image cannot be decoded, and whatever `take` throws.
  virtual void look(const LookQuestion& question, const Take& take) = 0;
  /// Returns all images of the answer. Empty if none are kept.
  [[nodiscard]] std::vector<Snapshot> snapshots(const LookQuestion& question);
};

/// Keeps the last few seconds of a stream. With make_packet_source() upstream it keeps the camera's own
/// packets, from a keyframe on, and decodes only on request. With frames it stores one JPEG every `every`
/// seconds, including the effect of upstream nodes such as a blur. The constructor throws OptionError.
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
