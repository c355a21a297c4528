// One function per state.
// SPDX-License-Identifier: Apache-2.0
#include "why/states.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "core/unit_text.hpp"
#include "core/watch/frozen_text.hpp"
#include "core/watch/outage_text.hpp"
#include "why/figures.hpp"

namespace freshframe::core {
namespace {

using std::chrono::duration;

constexpr std::chrono::seconds kShownFor{10};  // how long the latest error or loss is shown
constexpr double kAwayFor = 2;                 // seconds away; longer than a reconnection takes
constexpr double kClockOff = 1;                // tolerated difference of a camera's clock, in seconds
constexpr double kPaceOff = 0.01;              // tolerated error of a camera's timestamps, as a fraction
constexpr double kUnsent = 10;                 // seconds unsent; longer than it takes to restart a receiver
constexpr double kLongStall = 0.25;            // seconds until a stall in progress is reported
constexpr double kStalledShare = 0.1;
constexpr double kBusyShare = 0.05;      // report waits for a CPU from this share of the time; 0.002 if idle
constexpr double kHoldShare = 0.8;       // report a node that held the GIL for this share of the last second
constexpr double kShortestSpan = 0.5;    // minimum time for judging a share of it, in seconds
constexpr std::size_t kThreadName = 15;  // length to which the kernel cuts a thread name, in bytes

std::string rounded_seconds(double duration) {
  return fixed_text(duration, duration < 10 ? 1 : 0) + " s";
}

// Ends a sentence with the message of an error, which may already have punctuation.
std::string end_sentence(std::string text) {
  if (!text.ends_with('.')) text += '.';
  return text;
}

bool runs(const GraphState& seen) {
  return seen.phase == LifePhase::Running;
}

// Returns true after the end, when losses and errors of the whole run are shown.
bool has_ended(const GraphState& seen) {
  return seen.phase == LifePhase::Ended || seen.phase == LifePhase::Stopped ||
         seen.phase == LifePhase::Failed;
}

// Adds a finding, unless there is one of this kind and subject: the first one is the most severe.
void add(Causes& out, Finding finding) {
  FindingKey key(finding.kind, finding.subject);
  out.emplace(std::move(key), Cause{.finding = std::move(finding)});
}

void add_failure(const GraphState& seen, const Circumstances& around, Causes& out) {
  if (seen.phase != LifePhase::Failed) return;
  const auto& failure = around.failure;
  add(out, {.kind = "error",
            .subject = failure ? failure->node : around.pipeline,
            .text = failure ? end_sentence("failed: " + failure->text) : "the pipeline failed.",
            .remedy = "",
            .evidence = {},
            .ill = true});
}

void add_stall(const GraphState& seen, const Circumstances& around, double still, Causes& out) {
  if (!runs(seen) || !around.still_limit || still < *around.still_limit) return;
  auto text = "stalled: no sample has moved for " + fixed_text(still, 1) + " s";
  for (const auto& node : seen.stats.nodes) {
    if (!node.source || node.source->state == SourceState::Reading) continue;
    text += "; source '" + node.name + "' is " + std::string(freshframe::to_string(node.source->state));
    if (const auto reason = outage_reason(*node.source); !reason.empty())
      text += " (" + std::string(reason) + ")";
  }
  add(out, {.kind = "stall",
            .subject = around.pipeline,
            .text = end_sentence(std::move(text)),
            .remedy = "",
            .evidence = {{"still", still}},
            .ill = true});
}

// Adds sources that currently deliver nothing.
void add_away(const GraphState& seen, const Circumstances& around, const QuietTimes& quiet,
              std::chrono::steady_clock::time_point now, Causes& out) {
  if (!runs(seen)) return;
  const auto limit = around.away_limit;
  for (const auto& node : seen.stats.nodes) {
    const auto since = quiet.away_since(node.number);
    if (!since || !is_away(node)) continue;
    const double away = duration<double>(now - *since).count();
    const bool is_ill = limit && away > *limit;
    if (away < kAwayFor && !is_ill) continue;
    auto text = "has delivered no frames for " + fixed_text(away, is_ill || away < 10 ? 1 : 0) + " s";
    if (const auto reason = outage_reason(*node.source); !reason.empty()) text += ": " + std::string(reason);
    Finding finding{.kind = "away",
                    .subject = node.name,
                    .text = end_sentence(std::move(text)),
                    .remedy = away_remedy(*node.source),
                    .evidence = {{"away", away}, {"outages", static_cast<double>(node.source->outages)}},
                    .ill = is_ill};
    if (is_ill) finding.evidence["away_after"] = *limit;
    add(out, std::move(finding));
  }
}

// "3,612 s"
std::string grouped_seconds(double duration) {
  auto digits = std::to_string(std::llround(duration));
  for (auto place = static_cast<std::ptrdiff_t>(digits.size()) - 3; place > 0; place -= 3) {
    digits.insert(static_cast<std::size_t>(place), ",");
  }
  return digits + " s";
}

void add_clocks(const GraphState& seen, Causes& out) {
  for (const auto& node : seen.stats.nodes) {
    if (!runs(seen) || !node.source || !node.source->clock_offset) continue;
    const double offset = *node.source->clock_offset;
    const double size = std::abs(offset);
    if (size < kClockOff) continue;
    const auto text = size < 10 ? rounded_seconds(size) : grouped_seconds(size);
    add(out, {.kind = "clock",
              .subject = node.name,
              .text = "its clock is " + text + (offset < 0 ? " behind" : " ahead of") + " this machine's.",
              .remedy = "Set the camera's clock, such as by NTP, or pass clock_offset= to open().",
              .evidence = {{"offset", offset}}});
  }
}

// Adds cameras whose timestamps advance faster or slower than real time. Ages are still correct, but pts is
// not.
void add_paces(const GraphState& seen, Causes& out) {
  for (const auto& node : seen.stats.nodes) {
    if (!runs(seen) || !node.source || std::abs(node.source->pace - 1) <= kPaceOff) continue;
    add(out, {.kind = "pace",
              .subject = node.name,
              .text = "its timestamps advance at " + fixed_text(node.source->pace, 2) +
                      " times real time: ages follow the arrivals, and pts follows the timestamps.",
              .remedy = "Set the camera to a frame rate that it can sustain.",
              .evidence = {{"pace", node.source->pace}}});
  }
}

// Adds sources that deliver the same image over and over.
void add_frozen(const GraphState& seen, Causes& out) {
  for (const auto& node : seen.stats.nodes) {
    if (!runs(seen) || !node.source || node.source->frozen.empty()) continue;
    const auto& source = *node.source;
    const bool flat = source.frozen == "flat";
    add(out,
        {.kind = "frozen",
         .subject = node.name,
         .text = frozen_text(source) + ".",
         .remedy =
             flat
                 ? "Look at its image: the lens may be covered, the light may be off, or a mask may hide all "
                   "of it."
                 : "Restart the camera or the program that sends its stream. If it shows a screen or a "
                   "poster, open() it with frozen_after=None.",
         .evidence = {{"frozen_for", source.frozen_for},
                      {"frames", static_cast<double>(source.frozen_frames)},
                      {"contents", static_cast<double>(source.frozen_contents)}},
         .ill = source.frozen_is_ill});
  }
}

// Adds cameras that lost some settings when they reconnected: their images may be too dark, for example.
void add_settings(const GraphState& seen, Causes& out) {
  for (const auto& node : seen.stats.nodes) {
    if (!runs(seen) || !node.source || node.source->settings_reason.empty()) continue;
    add(out, {.kind = "setting",
              .subject = node.name,
              .text = "runs without a setting: " + node.source->settings_reason + ".",
              .remedy = "Assign a value that the camera accepts, such as source.exposure = 100. "
                        "Run `freshframe probe` with its URL to see the ranges.",
              .evidence = {}});
  }
}

// Adds sources that the CPU decodes instead of the GPU. The frames are the same, but less CPU time is left
// for the rest.
void add_decoders(const GraphState& seen, Causes& out) {
  for (const auto& node : seen.stats.nodes) {
    if (!runs(seen) || !node.source || node.source->decoder_reason.empty()) continue;
    add(out,
        {.kind = "decoder",
         .subject = node.name,
         .text = "is decoded by the CPU, not by the GPU: " + node.source->decoder_reason + ".",
         .remedy =
             "Run `freshframe doctor` to see what the GPUs decode, or pass decoder=\"cpu\" to use none of "
             "them.",
         .evidence = {{"changes", static_cast<double>(node.source->decoder_changes)}}});
  }
}

void add_joins(const GraphState& seen, Causes& out) {
  for (const auto& node : seen.stats.nodes) {
    if (!runs(seen) || !node.join || node.join->reason.empty()) continue;
    add(out, {.kind = "join",
              .subject = node.name,
              .text = end_sentence(node.join->reason),
              .remedy = "",
              .evidence = {{"sets", static_cast<double>(node.join->sets)}}});
  }
}

void add_spools(const GraphState& seen, Causes& out) {
  for (const auto& node : seen.stats.nodes) {
    if (!node.spool || node.spool->waiting == 0) continue;
    const auto& spool = *node.spool;
    const bool is_over = node.state == NodeState::Ended;  // a spool that has ended sends nothing more
    if (!is_over && spool.oldest_age < kUnsent) continue;
    auto text =
        count_text(spool.waiting, "result") + (spool.waiting == 1 ? " has" : " have") + " not been sent";
    if (spool.oldest_age > 0) text += ", the oldest for " + rounded_seconds(spool.oldest_age);
    if (!spool.last_error.empty()) text += ": " + spool.last_error;
    add(out,
        {.kind = "spool",
         .subject = node.name,
         .text = end_sentence(std::move(text)),
         .remedy = is_over ? "They stay in its folder: start a Spool with this folder to send them." : "",
         .evidence = {{"waiting", static_cast<double>(spool.waiting)}, {"oldest_age", spool.oldest_age}}});
  }
}

std::string_view describe_place(NodeKind kind, NodeDropCause cause, std::uint64_t count) {
  switch (cause) {
    case NodeDropCause::Device:
      // The frame's image was on a GPU that has failed since.
      if (kind != NodeKind::Source)
        return count == 1 ? " with the GPU that held it" : " with the GPU that held them";
      // The camera's driver, the scene or the server continued without waiting for this program.
      return count == 1 ? " that was not read in time" : " that were not read in time";
    case NodeDropCause::Decode:
      return " in the decoder";
    case NodeDropCause::Pool:
      return " because the pool had no room";
    case NodeDropCause::Worker:
      return " with a worker process";
    case NodeDropCause::Stop:
      return " when the pipeline stopped";
    case NodeDropCause::Repeated:
      return " that the server had sent before";
    case NodeDropCause::Lost:
      if (kind == NodeKind::Source) return " on the network";
      return count == 1 ? " while it was written or sent" : " while they were written or sent";
    case NodeDropCause::Sender:
      return " in the browser";
    case NodeDropCause::NotDecoded:
    case NodeDropCause::Error:
      break;
  }
  return " because of an error";
}

// Returns the losses other than exceptions, which have their own cause.
std::uint64_t lost_otherwise(const NodeStats& node) {
  const auto errors = node.drops.find(NodeDropCause::Error);
  return grown(node.lost, errors != node.drops.end() ? errors->second : 0);
}

constexpr std::string_view kFewer = "Run fewer nodes, or fewer programs on this machine";

// Lists everything that the node has lost so far, by place.
std::string lost_frames(NodeKind kind, const NodeStats& node) {
  std::string text = "lost";
  const char* separator = " ";
  for (const auto& [cause, count] : node.drops) {
    if (cause == NodeDropCause::Error || !is_lost(node, cause)) continue;
    text += separator + count_text(count, "frame") + std::string(describe_place(kind, cause, count));
    separator = ", ";
  }
  return text + ".";
}

// `ago`: seconds since the latest one was noticed.
std::map<std::string, double> loss_evidence(std::uint64_t lost, double ago) {
  return {{"lost", static_cast<double>(lost)}, {"ago", ago}};
}

// `waits`: a sentence about the child waiting for a CPU, or an empty string.
Finding loss_on(const EdgeStats& edge, double ago, const std::string& waits) {
  const auto& child = edge.child;
  const auto step = waits.empty() ? "Make " + child + " faster" : std::string(kFewer);
  return {.kind = "loss",
          .subject = edge_name(edge),
          .text = count_text(edge.lost, "sample") + " lost: " + child +
                  " is slower than its source, and its queue " + freshframe::to_string(edge.queue) +
                  " is full." + waits,
          .remedy = step + ", or give it " + (edge.queue == kRecording ? "max_rate=." : "queue=LATEST."),
          .evidence = loss_evidence(edge.lost, ago)};
}

Finding find_errors(const NodeStats& node) {
  auto text = count_text(node.errors, "error");
  if (!node.last_error.empty()) text += ", the last: " + node.last_error;
  return {.kind = "error",
          .subject = node.name,
          .text = end_sentence(std::move(text)),
          .remedy = "",
          .evidence = {{"errors", static_cast<double>(node.errors)}}};
}

// Returns the node that a thread belongs to, by the thread's name.
std::string find_thread_node(const std::string& thread, const GraphState& seen) {
  for (const auto& node : seen.stats.nodes) {
    if (!thread.empty() && (node.name == thread || node.name.substr(0, kThreadName) == thread))
      return node.name;
  }
  return thread;
}

Finding gil_finding(std::string subject, std::string text, double share_or_seconds) {
  return {.kind = "gil",
          .subject = std::move(subject),
          .text = std::move(text),
          .remedy = std::string(kGilRemedy),
          .evidence = {{"gil", share_or_seconds}}};
}

}  // namespace

Causes States::follow(const GraphState& seen, const Circumstances& around, const QuietTimes& quiet,
                      Time now) {
  follow_counters(seen, now);
  follow_waits(seen, around, now);
  follow_movement(seen, now);
  follow_holds(seen, now);
  follow_stalls(around.gil, now);
  Causes out;
  add_failure(seen, around, out);
  add_stall(seen, around, duration<double>(now - *moved_at_).count(), out);
  add_away(seen, around, quiet, now, out);
  add_frozen(seen, out);
  add_settings(seen, out);
  add_decoders(seen, out);
  add_clocks(seen, out);
  add_paces(seen, out);
  add_gil(seen, around.gil, now, out);
  add_joins(seen, out);
  add_spools(seen, out);
  add_losses(seen, now, out);
  return out;
}

void States::Growth::follow(std::uint64_t now_counted, Time now) {
  if (now_counted > count) at = now;
  count = now_counted;
}

bool States::Growth::is_recent(Time now) const {
  return at && now - *at < kShownFor;
}

double States::Growth::age(Time now) const {
  return at ? duration<double>(now - *at).count() : 0;
}

void States::follow_counters(const GraphState& seen, Time now) {
  std::map<int, NodeGrowth> nodes;
  for (const auto& node : seen.stats.nodes) {
    auto& growth = nodes[node.number] = nodes_[node.number];
    growth.errors.follow(node.errors, now);
    growth.losses.follow(lost_otherwise(node), now);
  }
  nodes_.swap(nodes);
  std::map<std::int64_t, Growth> edges;
  for (const auto& edge : seen.stats.edges) {
    auto& growth = edges[edge.number] = edges_[edge.number];
    growth.follow(edge.lost, now);
  }
  edges_.swap(edges);
}

// Each value is read from a file in /proc, so it is only read for live sources before their first loss, and
// for children that lose samples.
void States::follow_waits(const GraphState& seen, const Circumstances& around, Time now) {
  constexpr std::chrono::seconds kStep(1);
  if (!runs(seen) || !around.waited) return;
  std::map<int, std::deque<Waits>> waits;
  for (std::size_t i = 0; i < seen.stats.nodes.size(); ++i) {
    const auto& node = seen.stats.nodes[i];
    const bool is_live_source = seen.nodes[i].kind == NodeKind::Source && seen.nodes[i].live;
    const bool loses = std::ranges::any_of(
        seen.stats.edges, [&](const EdgeStats& edge) { return edge.lost > 0 && edge.child == node.name; });
    if (!is_live_source && !loses) continue;
    auto& known = waits[node.number] = std::move(waits_[node.number]);
    if (!known.empty() && now - known.back().at < kStep) continue;
    const auto waited = around.waited(node.number);
    if (waited) known.push_back({now, *waited});
    while (known.size() > 2 && now - known[1].at >= kShownFor) known.pop_front();
  }
  waits_.swap(waits);
}

std::string States::describe_waits(int node, const std::string& name) const {
  const auto found = waits_.find(node);
  if (found == waits_.end() || found->second.size() < 2) return {};
  const auto& first = found->second.front();
  const auto& last = found->second.back();
  const double span = duration<double>(last.at - first.at).count();
  const double share = span > 0 ? (last.seconds - first.seconds) / span : 0;
  if (share < kBusyShare) return {};
  return " The machine is busy: " + name + " waited for a processor " + percent_text(share) + " of the time.";
}

void States::follow_movement(const GraphState& seen, Time now) {
  std::uint64_t moved = 0;
  for (const auto& node : seen.stats.nodes)
    moved += node.processed + (node.source ? node.source->undecoded : 0);
  for (const auto& edge : seen.stats.edges) moved += edge.delivered;
  if (!moved_at_ || moved != moved_ || !runs(seen)) moved_at_ = now;
  moved_ = moved;
}

void States::follow_holds(const GraphState& seen, Time now) {
  // A result is reused for this long, however many requests there are.
  constexpr std::chrono::milliseconds kApart(50);
  if (holds_.empty() || now - holds_.back().at >= kApart) {
    holds_.push_back({now, {}});
    for (const auto& node : seen.stats.nodes) holds_.back().seconds[node.number] = node.gil_hold;
  }
  while (holds_.size() > 2 && now - holds_[1].at >= std::chrono::seconds(1)) holds_.pop_front();
}

double States::hold_share(const NodeStats& node, Time now) const {
  const auto& before = holds_.front();
  const double span = duration<double>(now - before.at).count();
  const auto old = before.seconds.find(node.number);
  return span < kShortestSpan || old == before.seconds.end() ? 0 : (node.gil_hold - old->second) / span;
}

void States::follow_stalls(const GilFindings& gil, Time now) {
  constexpr std::chrono::seconds kSpan(5);
  if (!gil.watching || (!stalls_.empty() && gil.stalled_total < stalls_.back().seconds)) stalls_.clear();
  stalls_.push_back({now, gil.stalled_total});
  while (stalls_.size() > 2 && now - stalls_[1].at >= kSpan) stalls_.pop_front();
}

void States::add_gil(const GraphState& seen, const GilFindings& gil, Time now, Causes& out) const {
  constexpr double kSpan = 5;  // seconds
  const double stalled = (stalls_.back().seconds - stalls_.front().seconds) / kSpan;
  if (gil.now && gil.now->seconds >= kLongStall) {
    add(out, gil_finding(find_thread_node(gil.now->thread, seen),
                         "has held the GIL for " + rounded_seconds(gil.now->seconds) + ": " +
                             describe_holder(*gil.now) + ".",
                         gil.now->seconds));
  } else if (stalled >= kStalledShare && !gil.recent.empty()) {
    const auto& last = gil.recent.back();
    add(out, gil_finding(find_thread_node(last.thread, seen),
                         "held the GIL while others waited for " + percent_text(stalled) +
                             " of the last 5 s: " + describe_holder(last) + ".",
                         stalled));
  }
  for (const auto& node : seen.stats.nodes) {
    const double share = hold_share(node, now);
    if (!runs(seen) || share < kHoldShare) continue;
    add(out, gil_finding(node.name, "holds the GIL " + percent_text(share) + " of the time.", share));
  }
}

void States::add_losses(const GraphState& seen, Time now, Causes& out) const {
  const auto is_shown = [&](const Growth& growth) {
    return has_ended(seen) ? growth.count > 0 : growth.is_recent(now);
  };
  for (const auto& edge : seen.stats.edges) {
    const auto& growth = edges_.at(edge.number);
    if (!is_shown(growth)) continue;
    const auto child = std::ranges::find(seen.stats.nodes, edge.child, &NodeStats::name);
    const auto is_node = child != seen.stats.nodes.end();  // false for a reader
    const auto waits = is_node ? describe_waits(child->number, child->name) : std::string();
    add(out, loss_on(edge, growth.age(now), waits));
  }
  for (std::size_t i = 0; i < seen.stats.nodes.size(); ++i) {
    const auto& node = seen.stats.nodes[i];
    const auto& growth = nodes_.at(node.number);
    if (is_shown(growth.errors)) add(out, find_errors(node));
    if (!is_shown(growth.losses)) continue;
    const bool not_read =
        seen.nodes[i].kind == NodeKind::Source && node.drops.contains(NodeDropCause::Device);
    const auto waits = not_read ? describe_waits(node.number, node.name) : std::string();
    add(out, {.kind = "loss",
              .subject = node.name,
              .text = lost_frames(seen.nodes[i].kind, node) + waits,
              .remedy = waits.empty() ? "" : std::string(kFewer) + ".",
              .evidence = loss_evidence(lost_otherwise(node), growth.losses.age(now))});
  }
}

std::string describe_holder(const GilFindings::Stall& stall) {
  auto text = stall.native.empty() ? stall.python : stall.native;
  if (!stall.native.empty() && !stall.python.empty()) text += ", called at " + stall.python;
  if (text.empty()) text = "unknown";
  if (!stall.program.empty() && stall.program != stall.python) text += ", from " + stall.program;
  return stall.thread.empty() ? text : text + " (thread " + stall.thread + ")";
}

}  // namespace freshframe::core
