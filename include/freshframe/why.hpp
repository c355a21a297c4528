// Explains why samples are old: a breakdown of their age, and findings with remedies.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace freshframe {

/// What a sample's age was spent on.
enum class AgeKind : std::uint8_t {
  Source,  // inside the source, from `captured` until it was emitted: decoding, conversion
  Room,    // blocked: a result waited for space in a child's queue
  Queue,   // in the queue before a node or reader
  Worker,  // in the queue before a node whose workers were busy
  Batch,   // waiting for a batch to fill up or time out
  Set,     // waiting for the other samples of a join's set
  Gil,     // waiting for the GIL, before and during the call
  Start,   // between dequeuing and the call: conversion to the format that the node asks for
  Call,    // in a node's call
  Order    // a worker's result waited for the results of earlier samples
};
[[nodiscard]] std::string_view to_string(AgeKind kind) noexcept;

/// One part of an age.
struct AgePart {
  AgeKind kind = AgeKind::Call;
  std::string node;        // the node or reader where the time was spent
  double mean = 0;         // seconds, over all samples
  double oldest_mean = 0;  // seconds, over the oldest 5 %
};

/// A breakdown of the age of the samples that a reader or sink received during some period. A reader's age is
/// measured when it takes a sample, a sink's after its call. All times are means over the same samples, so
/// the parts add up to the age. (Medians would not.)
struct Age {
  std::string consumer;
  std::vector<std::string> sources = {};
  bool is_reader = false;
  std::size_t samples = 0;          // number of samples in the means
  std::size_t unknown = 0;          // samples left out: their path is no longer recorded, or starts in a node
  double duration = 0;              // length of the period, in seconds
  double interval = 0;              // mean seconds between two samples
  double mean = 0;                  // seconds
  double oldest_mean = 0;           // seconds, over the oldest 5 %
  std::vector<AgePart> parts = {};  // in the order in which a sample passes them
};

/// A proven cause of old or lost samples, and what to do about it.
struct Finding {
  // One of: error, stall, unread, away, frozen, clock, setting, decoder, gil, join, spool, worker, blocked,
  // card, stale, loss, queue, batch, gil_wait, processors, bursts, silent.
  std::string kind;
  std::string subject;  // a node, a reader, or "parent -> child"
  // One or two sentences. If the first has no grammatical subject, it continues `subject`.
  std::string text;
  std::string remedy;                      // what to do
  std::map<std::string, double> evidence;  // measurements; times in seconds, shares from 0 to 1
  bool ill = false;                        // /healthz fails while this finding lasts
};

/// The answer of why().
struct Why {
  std::vector<Finding> findings;  // worst first
  std::vector<Age> ages;          // one for each reader and sink
  /// If false, findings are only failures, recent losses, unsent results and silent nodes.
  bool is_running = false;
  bool ended = false;      // the ages are those of the last samples before the end
  double watched_for = 0;  // seconds since the search for causes started
  double needed = 0;       // seconds until the first cause can be proven; 0 if it already can
  /// Sources with a current or recent outage, and nodes downstream of a recent graph change. Whatever is
  /// downstream of these alone is not judged for ten seconds.
  std::vector<std::string> unsettled = {};
};

class Pipeline;

/// Returns a breakdown of the samples' age over the last ten seconds, and the causes that could be proven. If
/// there is no dashboard, the first call starts a thread that looks for causes four times per second; proving
/// one takes at least 20 seconds. Thread-safe.
[[nodiscard]] Why why(const Pipeline& pipeline);

/// "SUBJECT: TEXT REMEDY"
[[nodiscard]] std::string to_string(const Finding& finding);
/// Several lines: the findings, then each age with its parts.
[[nodiscard]] std::string to_string(const Why& why);

}  // namespace freshframe
