// Looks at the key pictures of a source: which count, and what the counters and the log say.
// SPDX-License-Identifier: Apache-2.0
#include "media/still/still_watch.hpp"

#include "freshframe/log.hpp"
#include "freshframe/stats.hpp"

#include <string_view>
#include <utility>

#include "core/look/still_text.hpp"

namespace freshframe::media {
namespace {

constexpr double kDefaultLimit = 60;  // seconds
constexpr Seconds kDense{0.4};        // between key pictures
constexpr Seconds kOfDense{1};        // between those that count

std::string_view name_of(StillRule::Kind kind) {
  switch (kind) {
    case StillRule::Kind::Still:
      return "still";
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

StillWatch::StillWatch(std::string title, std::optional<double> still)
    : title_(std::move(title)), limit_(still.value_or(kDefaultLimit)), is_ill_(still.has_value()) {}

void StillWatch::note_picture(const Frame& picture, TimePoint captured, const Context& context) {
  if (!counts(captured)) return;
  rule_->add(digest_of(picture.luma()), captured);
  tell(captured, context);
}

void StillWatch::note_packet(std::span<const std::uint8_t> bytes, TimePoint captured,
                             const Context& context) {
  if (!counts(captured)) return;
  rule_->add({.bits = digest_of(bytes.data(), bytes.size())}, captured);
  tell(captured, context);
}

bool StillWatch::counts(TimePoint captured) {
  if (limit_ == 0) return false;
  const bool dense = last_ && captured - *last_ < kDense;
  last_ = captured;
  if (counted_ && captured - *counted_ < (dense ? kOfDense : kDense)) return false;
  counted_ = captured;
  if (!rule_) rule_.emplace();
  return true;
}

void StillWatch::tell(TimePoint captured, const Context& context) {
  const auto verdict = rule_->verdict();
  const double seconds = Seconds(captured - verdict.since).count();
  const bool lasts = verdict.kind != StillRule::Kind::None && seconds >= limit_;
  auto& book = context.counters.source();
  if (lasts) {
    book.set_still({.kind = std::string(name_of(verdict.kind)),
                    .seconds = seconds,
                    .period = verdict.period,
                    .pictures = verdict.pictures,
                    .contents = verdict.contents,
                    .is_ill = is_ill_});
  } else if (told_ != StillRule::Kind::None) {
    book.set_still({});
  }
  const auto before = std::exchange(told_, lasts ? verdict.kind : StillRule::Kind::None);
  if (told_ == before) return;
  log(LogLevel::Warning, title_ + " " + core::still_text(book.snapshot(captured)));
}

}  // namespace freshframe::media
