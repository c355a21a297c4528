// The rules of the GIL: nodes that wait for it, and whose samples are old or lost meanwhile.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/why/figures.hpp"
#include "core/why/rules.hpp"

namespace freshframe::core {
namespace {

constexpr double kGilWait = 0.05;        // of the time, of one node
constexpr double kGilStarves = 1.0 / 3;  // of the time, of one node that loses samples
constexpr double kLostToGil = 0.2;       // of the samples
constexpr double kOwnHold = 0.2;         // of the time: a node that holds the GIL so long is named
constexpr const char* kGilRemedy =
    "ff.gil.watch() names the function that holds it; a node that computes in Python has a GIL of its own with "
    "process=True.";

double gil_share(const Scene& scene, std::size_t node, double NodeStats::* counter) {
  const auto& nodes = scene.seen.stats.nodes;
  return (nodes[node].*counter - scene.window.before.nodes[node].*counter) / scene.seconds;
}

// Who holds the GIL, as far as nodes do.
std::string holders_text(const Scene& scene) {
  std::vector<std::string> names;
  double sum = 0;
  for (std::size_t i = 0; i < scene.seen.stats.nodes.size(); ++i) {
    const double share = gil_share(scene, i, &NodeStats::gil_hold);
    sum += share;
    if (share < kOwnHold) continue;
    names.push_back(scene.seen.stats.nodes[i].name + " holds it " + percent_text(share) + " of the time");
  }
  if (!names.empty()) return " " + listed(names) + ".";
  return " The nodes hold it only " + percent_text(sum) + " of the time: another thread of the program does.";
}

// The samples that came to a node: those that were lost in its queues, and how many of these it would have
// taken without its waits.
struct GilLoss {
  double lost = 0;       // share
  double explained = 0;  // share
  double taken = 0;      // samples
};

GilLoss gil_loss(const Scene& scene, const std::string& node, double waits) {
  std::uint64_t passed = 0;
  std::uint64_t delivered = 0;
  std::uint64_t dropped = 0;
  for (std::size_t i = 0; i < scene.seen.stats.edges.size(); ++i) {
    const auto& edge = scene.seen.stats.edges[i];
    const auto& before = scene.window.before.edges[i];
    if (edge.child != node || scene.quiet.edges[i]) continue;
    passed += grown(edge.passed_in, before.passed_in);
    delivered += grown(edge.delivered, before.delivered);
    for (const auto cause : {DropCause::QueueFull, DropCause::NoWaiter})
      dropped += grown(edge, before, cause);
  }
  if (passed < kFewestSamples) return {};
  const auto all = static_cast<double>(passed);
  const auto taken = static_cast<double>(delivered);
  const double lost = static_cast<double>(dropped) / all;
  const double possible = waits < 1 ? std::min(all, taken / (1 - waits)) : all;
  return {.lost = lost, .explained = std::min(lost, (possible - taken) / all), .taken = taken};
}

}  // namespace

// One finding for each way, at the node that waits longest.
void find_gil_waits(const Scene& scene, Causes& out) {
  for (const auto& age : scene.ages) {
    const double wait = part_of(age, AgeKind::Gil, "");
    if (age.samples < kFewestSamples || scene.quiet.is_quiet(age.consumer)) continue;
    std::vector<std::string> waiting;
    std::string subject;
    double longest = 0;
    double share = 0;
    for (const auto& name : nodes_of(age)) {
      const auto node = index_of(scene, name);
      if (node == scene.seen.stats.nodes.size()) continue;
      const double of_time = gil_share(scene, node, &NodeStats::gil_wait);
      share = std::max(share, of_time);
      if (of_time < kGilWait) continue;
      waiting.push_back(name);
      if (const double time = part_of(age, AgeKind::Gil, name); time > longest) {
        longest = time;
        subject = name;
      }
    }
    if (subject.empty() || share < scene.bar(kGilWait, "gil_wait", subject)) continue;
    if (wait < scene.bar(kShortestPause, "gil_wait", subject)) continue;
    if (wait < scene.bar(kShareOfAge, "gil_wait", subject) * age.mean) continue;
    if (const auto known = out.find({"gil_wait", subject});
        known != out.end() && known->second.explains >= wait)
      continue;
    const bool several = waiting.size() > 1;
    Finding finding{.kind = "gil_wait",
                    .subject = subject,
                    .text = (several ? listed(waiting) + " wait" : std::string("waits")) +
                            " for the GIL for " + share_text(wait, age.mean) + " that samples are old at " +
                            age.consumer + "." + holders_text(scene),
                    .remedy = kGilRemedy,
                    .evidence = {{"wait", wait}, {"age", age.mean}, {"gil_wait_share", share}}};
    out[{"gil_wait", subject}] = {std::move(finding), wait};
  }
}

// A node that gets the GIL and then takes the newest sample has its wait in no age: what it loses meanwhile shows it.
void find_gil_losses(const Scene& scene, Causes& out) {
  for (std::size_t i = 0; i < scene.seen.stats.nodes.size(); ++i) {
    const auto& name = scene.seen.stats.nodes[i].name;
    if (!scene.seen.nodes[i].live || scene.quiet.is_quiet(name) || out.contains({"gil_wait", name})) continue;
    const double waits = gil_share(scene, i, &NodeStats::gil_wait);
    if (waits < scene.bar(kGilStarves, "gil_wait", name)) continue;
    const auto loss = gil_loss(scene, name, waits);
    if (loss.explained < scene.bar(kLostToGil, "gil_wait", name)) continue;
    const double of_each = waits * scene.seconds / std::max(1.0, loss.taken);
    Finding finding{.kind = "gil_wait",
                    .subject = name,
                    .text = "waits for the GIL " + percent_text(waits) +
                            " of the time, and meanwhile loses " + percent_text(loss.lost) +
                            " of the samples." + holders_text(scene),
                    .remedy = kGilRemedy,
                    .evidence = {{"gil_wait_share", waits}, {"lost_share", loss.lost}, {"wait", of_each}}};
    out[{"gil_wait", name}] = {std::move(finding), of_each};
  }
}

}  // namespace freshframe::core
