// The answer of why() in sentences.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/why.hpp"

#include <array>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>

#include "why/figures.hpp"

namespace freshframe {
namespace core {
namespace {

constexpr std::size_t kWidth = 8;     // width of the column of times, in characters
constexpr double kWorthALine = 0.01;  // minimum share of the age; smaller parts are combined

// Describes what a sample did during this part of its age; '*' stands for the node.
std::string doing(const Age& age, const AgePart& part) {
  constexpr std::array<std::string_view, 10> kTexts = {
      "from its capture until * delivers it",
      "* waits until its children have room",
      "in the queue before *",
      "until a worker of * is free",
      "until the batch of * is full, or max_wait is over",
      "until its set is complete, before *",
      "* waits for the GIL",
      "in *, before its call starts",
      "in the call of *",
      "until earlier results of * are delivered",
  };
  std::string text(kTexts[static_cast<std::size_t>(part.kind)]);
  if (part.kind == AgeKind::Queue && age.is_reader && part.node == age.consumer) text = "until * takes it";
  return text.replace(text.find('*'), 1, part.node);
}

std::string format_line(double time, std::string_view what) {
  auto text = time_text(time);
  if (text.size() < kWidth) text.insert(0, kWidth - text.size(), ' ');
  return text + "  " + std::string(what) + "\n";
}

std::string age_text(const Age& age) {
  const auto latest = "the last " + fixed_text(age.duration) + " s";
  if (age.samples == 0) {
    if (age.unknown == 0) return age.consumer + ": no sample arrived in " + latest + ".\n";
    return age.consumer + ": the path of its samples in " + latest +
           " is unknown: " + std::to_string(age.unknown) +
           " started in a node, or took a longer path than is recorded.\n";
  }
  std::string text = age.consumer + ": samples are " + time_text(age.mean) + " old on average (" + latest +
                     ", " + std::to_string(age.samples) + " of them; the oldest twentieth " +
                     time_text(age.oldest_mean) + ").\n";
  double rest = 0;
  for (const auto& part : age.parts) {
    if (std::abs(part.mean) < kWorthALine * age.mean) {
      rest += part.mean;
    } else {
      text += format_line(part.mean, doing(age, part));
    }
  }
  constexpr double kSomething = 50e-6;  // seconds
  if (rest >= kSomething) text += format_line(rest, "in all other steps");
  return text;
}

std::string waiting_text(const Why& why) {
  if (why.ended)
    return "The pipeline has ended: these are the ages of its last samples. Causes are found while it "
           "runs.\n";
  if (!why.is_running) return "The pipeline is not running yet: start it, and ask again after 20 s.\n";
  if (why.needed <= 0 && why.unsettled.empty()) return "Nothing is wrong.\n";
  if (why.needed <= 0)
    return "No finding. Nodes that are only downstream of " + listed(why.unsettled) +
           " are not judged yet: there was an outage or a change of the graph within the last 10 s.\n";
  return "No finding yet: the pipeline has been watched for " + fixed_text(why.watched_for) +
         " s, and the first cause can be proven in " + fixed_text(std::ceil(why.needed)) +
         " s at the earliest.\n";
}

}  // namespace
}  // namespace core

std::string to_string(const Finding& finding) {
  std::string text = finding.subject + ": " + finding.text;
  if (!finding.remedy.empty()) text += " " + finding.remedy;
  return text;
}

std::string to_string(const Why& why) {
  std::string text;
  for (const auto& finding : why.findings) text += to_string(finding) + "\n";
  if (why.findings.empty() || why.ended) text += core::waiting_text(why);
  for (const auto& age : why.ages) text += core::age_text(age);
  return text;
}

}  // namespace freshframe
