// Detects frozen sources from their keyframes: selects which ones count, and updates counters and log.
// SPDX-License-Identifier: Apache-2.0
#include "sources/still/still_watch.hpp"

#include "freshframe/log.hpp"
#include "freshframe/stats.hpp"

#include <cstdint>
#include <string_view>
#include <utility>

#include "core/watch/frozen_text.hpp"
#include "sources/still/picture_digest.hpp"

namespace freshframe::media {
namespace {

constexpr double kDefaultLimit = 60;  // seconds
constexpr Seconds kDense{0.4};        // between keyframes
constexpr Seconds kOfDense{1};        // interval between counted keyframes if they are dense

std::string_view get_name(StillRule::Kind kind) {
  switch (kind) {
    case StillRule::Kind::Still:
      return "frozen";
    case StillRule::Kind::Loop:
      return "loop";
    case StillRule::Kind::Flat:
      return "flat";
    case StillRule::Kind::None:
      break;
  }
  return "";
}

}  // namespace

StillWatch::StillWatch(std::string title, std::optional<double> frozen_after)
    : title_(std::move(title)),
      limit_(frozen_after.value_or(kDefaultLimit)),
      is_ill_(frozen_after.has_value()) {}

void StillWatch::note_picture(const Frame& picture, TimePoint captured, const Context& context) {
  if (!counts(captured)) return;
  constexpr int kEnds = 3;  // new images in a row, as when a freeze ends
  ask_picture(captured);
  note_seen(picture, captured, context);
  news_ = suspects_ ? 0 : news_ + 1;
  if (news_ >= kEnds) bytes_.reset();
}

bool StillWatch::needs_picture(TimePoint now) const noexcept {
  constexpr double kShare = 0.25;
  const Seconds apart = suspects_ ? kOfDense : Seconds(kShare * limit_);
  return limit_ > 0 && (!pictured_ || now - *pictured_ >= apart);
}

void StillWatch::ask_picture(TimePoint now) noexcept {
  pictured_ = now;
  ++asked_;
}

void StillWatch::note_seen(const Frame& picture, TimePoint captured, const Context& context) {
  if (limit_ == 0) return;
  if (!rule_) rule_.emplace();
  rule_->add(compute_digest(picture.luma()), captured);
  asked_ = 0;
  suspects_ = rule_->verdict().kind != StillRule::Kind::None;
  tell(captured, context);
}

void StillWatch::note_packet(std::span<const std::uint8_t> bytes, TimePoint captured,
                             const Context& context) {
  if (!counts(captured)) return;
  if (!bytes_) bytes_.emplace();
  news_ = 0;
  bytes_->add({.bits = compute_digest(bytes.data(), bytes.size())}, captured);
  tell(captured, context);
}

/// If a source decodes only some frames, images and packets may both give a verdict; returns the one that has
/// lasted longer. Only images show a lack of contrast.
StillRule::Verdict StillWatch::verdict() const {
  using Kind = StillRule::Kind;
  const auto of_pictures = rule_ && asked_ <= kUnseen ? rule_->verdict() : StillRule::Verdict();
  if (!bytes_ || of_pictures.kind == Kind::Flat) return of_pictures;
  const auto of_bytes = bytes_->verdict();
  if (of_bytes.kind == Kind::None) return of_pictures;
  return of_pictures.kind == Kind::None || of_bytes.since <= of_pictures.since ? of_bytes : of_pictures;
}

bool StillWatch::counts(TimePoint captured) {
  if (limit_ == 0) return false;
  const bool dense = last_ && captured - *last_ < kDense;
  last_ = captured;
  if (counted_ && captured - *counted_ < (dense ? kOfDense : kDense)) return false;
  counted_ = captured;
  return true;
}

void StillWatch::tell(TimePoint captured, const Context& context) {
  const auto verdict = this->verdict();
  const double seconds = Seconds(captured - verdict.since).count();
  const bool lasts = verdict.kind != StillRule::Kind::None && seconds >= limit_;
  auto& book = context.counters.source();
  if (lasts) {
    book.set_frozen({.kind = std::string(get_name(verdict.kind)),
                     .seconds = seconds,
                     .period = verdict.period,
                     .frames = verdict.pictures,
                     .contents = verdict.contents,
                     .is_ill = is_ill_});
  } else if (told_ != StillRule::Kind::None) {
    book.set_frozen({});
  }
  const auto before = std::exchange(told_, lasts ? verdict.kind : StillRule::Kind::None);
  if (told_ == before) return;
  const auto name = context.node.empty() ? title_ : std::string(context.node) + ": " + title_;
  log(LogLevel::Warning, name + " " + core::frozen_text(book.snapshot(captured)));
}

}  // namespace freshframe::media
