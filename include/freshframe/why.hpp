// Why samples are old: the parts of their age, and findings with a remedy.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace freshframe {

/// The use of a sample's time.
enum class AgeKind : std::uint8_t {
  Source,  // in the source, from `captured` until the sample was published: decoding, conversion
  Room,    // a node's results waited for room at its children
  Queue,   // in the queue before a node or reader
  Worker,  // in the queue before a node whose workers were busy
  Batch,   // in the queue before a node, until the batch was full or its time was over
  Set,     // in the queue before a node with a join, until its set was there
  Gil,     // a node's thread waited for the GIL, before its call and within it
  Start,   // a node had the sample, and its call had not begun: conversion to the format that it asks for
  Call,    // in a node's call
  Order    // a worker's result waited for the results of earlier samples
};
[[nodiscard]] std::string_view to_string(AgeKind kind) noexcept;

/// One part of an age.
struct AgePart {
  AgeKind kind = AgeKind::Call;
  std::string node;        // where: a node or a reader
  double mean = 0;         // seconds, over all samples
  double oldest_mean = 0;  // seconds, over the oldest twentieth of them
};

/// The age of the samples that a reader or a sink got within some seconds, taken apart. A reader's age ends
/// when it takes a sample, a sink's age with its call. All times are means of the same samples, so the parts
/// add up to the age; the parts of medians do not.
struct Age {
  std::string consumer;
  std::vector<std::string> sources = {};  // sources of its samples
  bool is_reader = false;
  std::size_t samples = 0;          // number of samples in the means
  std::size_t unknown = 0;          // others, whose way is no longer known, or that began in a node
  double duration = 0;              // the length of the time that was looked at
  double interval = 0;              // seconds between two samples
  double mean = 0;                  // seconds
  double oldest_mean = 0;           // seconds, of the oldest twentieth
  std::vector<AgePart> parts = {};  // along the way
};

/// A cause of old or lost samples that the counters prove, and what to do.
struct Finding {
  // error, stall, unread, away, frozen, clock, setting, decoder, gil, join, spool, worker, blocked, card, stale, loss,
  // queue, batch, gil_wait, processors, bursts, silent
  std::string kind;
  std::string subject;                     // a node, a reader, or "parent -> child"
  std::string text;                        // a sentence or two; the subject may be its subject
  std::string remedy;                      // what to do, and its effect if what_if() knows it
  std::map<std::string, double> evidence;  // the numbers of the rule; times in seconds, shares from 0 to 1
  bool ill = false;                        // a server's /healthz fails as long as it is there
};

/// The answer of why().
struct Why {
  std::vector<Finding> findings;  // the worst first
  std::vector<Age> ages;          // ages at each reader and sink
  bool is_running = false;  // otherwise findings are failures, recent losses, unsent results and silent nodes
  bool ended = false;       // the ages are of its last samples
  double watched_for = 0;   // seconds for which causes have been looked for
  double needed = 0;        // seconds until the first can be proven; 0 means now
  /// Sources that have, or have just had, an outage, and what is below a change of the graph: what is below these alone
  /// is not judged for ten seconds.
  std::vector<std::string> unsettled = {};
};

class Pipeline;

/// Why samples are old: the parts of their age within the last ten seconds, and the causes that were proven. Without a
/// dashboard the first call begins to look for causes, four times per second on a separate thread; the first
/// is proven after 20 seconds at the earliest. Any thread.
[[nodiscard]] Why why(const Pipeline& pipeline);

/// "SUBJECT: TEXT REMEDY"
[[nodiscard]] std::string to_string(const Finding& finding);
/// All of it, in lines: the findings, then each age with its parts.
[[nodiscard]] std::string to_string(const Why& why);

}  // namespace freshframe
