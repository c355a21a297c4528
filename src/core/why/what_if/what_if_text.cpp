// Changes and predictions as sentences: the same words in the terminal, in Python and in C++.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/what_if.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/unit_text.hpp"
#include "core/why/figures.hpp"
#include "core/why/predictions.hpp"

namespace freshframe {
namespace core {
namespace {

std::string short_text(double value) {
  return number_text(value, std::chars_format::general, 6);
}

std::string batch_text(const Batch& batch) {
  const auto size = std::to_string(batch.size);
  return batch.max_wait > 0 ? "Batch(" + size + ", " + short_text(batch.max_wait) + ")" : size;
}

std::string rates_text(const Interval& rates) {
  const auto low = fixed_text(rates.low, 1);
  const auto high = fixed_text(rates.high, 1);
  return (low == high ? high : low + " to " + high) + " per second";
}

std::string outcome_text(const Outcome& outcome) {
  std::string text = "  " + outcome.consumer + ": ";
  if (outcome.mean) {
    text += "samples are " + interval_text(*outcome.mean) + " old on average" +
            (outcome.is_reader ? " when they arrive" : "") + " (now " + time_text(outcome.mean_now) +
            "), half of them at most " + interval_text(*outcome.p50) + ", 99 of 100 at most " +
            interval_text(*outcome.p99);
  } else {
    text += "the age is not known: " + outcome.reason;
  }
  if (outcome.rate)
    text += "; " + rates_text(*outcome.rate) + " (now " + fixed_text(outcome.rate_now, 1) + ")";
  return text + ".\n";
}

// The rate, if it is another one.
std::string other_rate(const Outcome& outcome) {
  constexpr double kSame = 0.1;
  if (!outcome.rate || std::abs(outcome.rate->middle - outcome.rate_now) <= kSame * outcome.rate_now)
    return {};
  return "; " + rates_text(*outcome.rate) + " (now " + fixed_text(outcome.rate_now, 1) + ")";
}

}  // namespace

std::optional<Effect> effect_of(const WhatIf& answer) {
  const auto by_age = [](const Outcome& outcome) { return outcome.mean ? outcome.mean_now : -1; };
  const auto oldest = std::ranges::max_element(answer.outcomes, {}, by_age);
  if (oldest == answer.outcomes.end() || !oldest->mean) return std::nullopt;
  const auto& mean = *oldest->mean;
  return Effect{
      .text = "With " + answer.change + " at " + answer.node + ", samples would be " + interval_text(mean) +
              " old on average " + (oldest->is_reader ? "when they reach " : "at ") + oldest->consumer +
              ", 99 of 100 at most " + interval_text(*oldest->p99) + other_rate(*oldest) + ".",
      .evidence = {{"predicted", mean.middle}, {"predicted_low", mean.low}, {"predicted_high", mean.high}}};
}

}  // namespace core

std::string to_string(const NodeChange& change) {
  std::string text;
  const auto add = [&](std::string_view name, const std::string& value) {
    text += (text.empty() ? "" : ", ") + std::string(name) + "=" + value;
  };
  if (change.queue) add("queue", to_string(*change.queue));
  if (change.max_age) add("max_age", core::short_text(*change.max_age));
  if (change.max_rate) add("max_rate", core::short_text(*change.max_rate));
  if (change.workers) add("workers", std::to_string(*change.workers));
  if (change.batch) add("batch", core::batch_text(*change.batch));
  if (change.speed) add("speed", core::short_text(*change.speed));
  if (change.rate) add("rate", core::short_text(*change.rate));
  return text;
}

std::string to_string(const WhatIf& answer) {
  const auto question = answer.node + " with " + answer.change;
  if (!answer.known()) return question + ": not known: " + answer.reason + ".\n";
  auto text = question + ", by the last " + core::fixed_text(answer.seconds) + " s:\n";
  for (const auto& outcome : answer.outcomes) text += core::outcome_text(outcome);
  return text;
}

}  // namespace freshframe
