// The checks of a graph: names, parents, queues and batches. Invalid ones are refused before a thread runs.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <string>
#include <system_error>
#include <utility>

#include "core/pipeline/graph.hpp"
#include "core/unit_text.hpp"

namespace freshframe::core {
namespace {

// Compares files also through links. Devices and pipes may be written by several.
bool same_file(const std::string& path, const std::optional<std::string>& other) {
  if (!other) return false;
  std::error_code error;
  if (std::filesystem::exists(path, error)) {
    return std::filesystem::is_regular_file(path, error) && std::filesystem::equivalent(path, *other, error);
  }
  return std::filesystem::weakly_canonical(path, error) == std::filesystem::weakly_canonical(*other, error);
}

}  // namespace

std::string Graph::take_name(const std::string& wanted, const std::string& fallback) {
  if (!wanted.empty()) {
    if (!names_.insert(wanted).second) {
      throw GraphError("the name '" + wanted +
                       "' is taken: nodes and readers of a pipeline share one name space");
    }
    return wanted;
  }
  auto& count = numbered_[fallback];
  std::string name;
  do {
    name = ++count == 1 ? fallback : fallback + "_" + std::to_string(count);
  } while (!names_.insert(name).second);
  return name;
}

void Graph::check_parents(const NodeBase* node, const std::string& name,
                          std::span<const AnyPort> parents) const {
  const auto inputs = node != nullptr ? node->input_types() : std::vector<const TypeInfo*>();
  for (const auto& parent : parents) {
    if (parent.node < 0 || parent.node >= size() || parent.source >= size()) {
      throw GraphError("a parent of '" + name + "' is not a node of this pipeline: add() it here first");
    }
    for (const int each : {parent.node, parent.source}) {
      if (each >= 0 && (!has(each) || runner(each).removal() != nullptr)) {
        throw StateError("a parent of '" + name + "' was removed");
      }
    }
    (void)sources_of(parent);
    const auto& from = runner(parent.node);
    const auto* output = from.node()->output_type();
    if (output == type_of<Nothing>()) {
      throw GraphError("'" + from.name() + "' is a sink and has no output: '" + name + "' cannot follow it");
    }
    if (output != nullptr && !takes(inputs, output)) {
      throw GraphError("'" + name + "' takes " + names_of(inputs) + ", but its parent '" + from.name() +
                       "' gives " + std::string(output->name));
    }
  }
}

// A sample that comes on two edges would be processed twice.
void Graph::check_distinct(const std::string& name, std::span<const AnyPort> parents) const {
  for (auto first = parents.begin(); first != parents.end(); ++first) {
    for (auto second = std::next(first); second != parents.end(); ++second) {
      if (first->node != second->node) continue;
      const auto sources = sources_of(*first);
      const auto others = sources_of(*second);
      const bool shared = std::ranges::any_of(
          sources, [&](int source) { return std::ranges::binary_search(others, source); });
      if (!shared) continue;
      throw GraphError("'" + name + "' has '" + runner(first->node).name() +
                       "' as its parent twice, so that it would get each sample twice: give it once");
    }
  }
}

void Graph::check_queue(const std::string& name, std::span<const AnyPort> parents,
                        const std::optional<Queue>& queue, bool recorder) const {
  if (!queue) return;
  validate(*queue);
  if (queue->depth == 0 && parents.size() > 1) {
    throw GraphError("'" + name +
                     "' has several parents and queue=NEXT: a merge needs a queue of depth 1 or more");
  }
  if (!queue->blocks()) return;
  for (const auto& parent : parents) {
    const auto source = runner(parent.node).source();
    if (source == nullptr || !source->live()) continue;
    const auto wrong = "'" + name + "' has a blocking queue directly below the live source '" +
                       runner(parent.node).name() + "', which cannot wait: ";
    if (recorder) {
      throw GraphError(
          wrong +
          "leave queue out, a recorder's own (RECORDING) holds 2 s, or use Queue(n, drop_newest) "
          "for longer delays");
    }
    throw GraphError(wrong + "use LATEST, or Queue(n) to ride out short delays");
  }
}

void check_edge(const std::string& name, const std::optional<double>& max_age,
                const std::optional<double>& max_rate, bool joins) {
  if (max_age && !(*max_age > 0)) {
    throw OptionError("max_age of '" + name + "' must be more than 0 seconds, got " + seconds_text(*max_age));
  }
  if (!max_rate) return;
  if (!(*max_rate > 0) || !std::isfinite(*max_rate)) {
    throw OptionError("max_rate of '" + name + "' must be more than 0 samples per second, got " +
                      number_text(*max_rate, std::chars_format::general, 6));
  }
  if (joins) {
    throw GraphError("'" + name +
                     "' has a join and max_rate, which would pass samples of its parents that do not belong "
                     "together: give max_rate to a node or reader below the join");
  }
}

void Graph::check_one_source(const std::string& who, std::span<const AnyPort> parents) const {
  const auto sources = sources_of(parents);
  if (sources.size() < 2) return;
  constexpr std::size_t kNamed = 3;
  std::string names;
  for (std::size_t i = 0; i < std::min(kNamed, sources.size()); ++i) {
    names += (i == 0 ? "'" : ", '") + runner(sources[i]).stream_name() + "'";
  }
  if (sources.size() > kNamed) names += ", ...";
  throw GraphError(who + " shows the pictures of one source, but samples of " +
                   std::to_string(sources.size()) + " come there (" + names +
                   "): choose one with port.of(camera)");
}

void Graph::check_batch(const NodeBase& node, const std::string& name, const AddOptions& options) const {
  if (!options.batch) return;
  validate(*options.batch);
  if (node.is_source()) throw GraphError("'" + name + "' is a source and takes no batch");
  if (!node.takes_batches()) {
    throw GraphError("'" + name + "' has a batch, but takes one sample at a time: it has no process_batch()");
  }
  if (options.queue && options.queue->depth == 0 && options.batch->size > 1) {
    throw GraphError("'" + name + "' has queue=NEXT, which hands over one sample at a time, and a batch of " +
                     std::to_string(options.batch->size) + ": use LATEST, or a batch of 1");
  }
}

void Graph::check_stream(const NodeBase& node, const std::string& name, const AddOptions& options) const {
  constexpr Seconds kDay{86'400};
  if (const auto period = node.wake_every()) {
    if (!(period->count() > 0) || *period > kDay) {
      throw OptionError("wake_every of '" + name + "' must be more than 0 seconds and at most a day, got " +
                        seconds_text(period->count()));
    }
    if (to_duration(*period).count() < 1) {
      throw OptionError("wake_every of '" + name + "' must be at least a nanosecond");
    }
  }
  if (node.is_source() && node.has_own_stream()) {
    throw GraphError("'" + name + "' is a source: it has no on_time() and no finish(), its read() does both");
  }
  if (options.source.empty()) return;
  if (!node.has_own_stream()) {
    throw GraphError("'" + name + "' has source='" + options.source +
                     "', but it begins no stream: it has neither on_time() nor finish()");
  }
  if (names_.contains(options.source)) {
    throw GraphError("the name '" + options.source +
                     "' is taken: streams, nodes and readers of a pipeline share one name space");
  }
  if (options.source == name) {
    throw GraphError("source='" + name +
                     "' is the node's own name, which its stream has anyway: leave source out");
  }
}

std::string Graph::admit(const NodeBase* node, std::span<const AnyPort> parents, const AddOptions& options) {
  if (node == nullptr) throw GraphError("add() needs a node, got none");
  const auto label = options.name.empty() ? node->default_name() : options.name;
  if (node->is_source() && !parents.empty()) {
    throw GraphError("'" + label + "' is a source and takes no parent, got " +
                     std::to_string(parents.size()));
  }
  if (!node->is_source() && parents.empty() && !options.merge) {
    throw GraphError("'" + label + "' takes samples and needs a parent: add(node, parent)");
  }
  if (node->is_source() && (options.queue || options.max_age || options.max_rate)) {
    throw GraphError("'" + label +
                     "' is a source and has no queue: give queue=, max_age= and max_rate= to its children");
  }
  check_edge(label, options.max_age, options.max_rate, options.join.has_value());
  check_parents(node, label, parents);
  check_distinct(label, parents);
  check_set_node(*node, label, parents, options);
  if (options.join) (void)resolve_join(label, parents, *options.join, options.queue);
  check_queue(label, parents, options.queue, node->is_recorder());
  check_batch(*node, label, options);
  check_stream(*node, label, options);
  if (node->needs_one_source()) check_one_source("'" + label + "'", parents);
  const auto name = options.name.empty() ? std::string() : take_name(options.name, {});
  if (!options.source.empty()) (void)take_name(options.source, {});  // a default name gives way to it
  return name.empty() ? take_name({}, node->default_name()) : name;
}

std::string Graph::admit_reader(std::span<const AnyPort> parents, const ReaderOptions& options) {
  const auto label = options.name.empty() ? std::string("reader") : options.name;
  if (parents.empty()) throw GraphError("'" + label + "' needs at least one port to read");
  check_edge(label, {}, options.max_rate, options.join.has_value());
  check_parents(nullptr, label, parents);
  check_distinct(label, parents);
  if (options.join) (void)resolve_join(label, parents, *options.join, options.queue);
  check_queue(label, parents, options.queue, false);
  for (const auto& parent : parents) {
    if (!options.frames && runner(parent.node).node()->output_type() == type_of<Frame>()) {
      throw GraphError("'" + label + "' has frames=False, but the values of '" + runner(parent.node).name() +
                       "' are frames: read them with frames=True");
    }
  }
  return take_name(options.name, "reader");
}

std::string Graph::writer_of(const std::optional<std::string>& path) const {
  for (const auto& recorder : runners()) {
    const auto written = recorder->node()->records_to();
    if (written && same_file(*written, path)) return recorder->name();
  }
  return {};
}

void Graph::check_recordings() const {
  for (const auto& recorder : runners()) {
    const auto path = recorder->node()->records_to();
    if (!path) continue;
    for (const auto& other : runners()) {
      const auto source = other->source();
      if (source != nullptr && same_file(*path, source->reads_from())) {
        throw GraphError("'" + recorder->name() + "' would overwrite the file that '" + other->name() +
                         "' reads: give it another name than '" + *path + "'");
      }
      if (other->index() < recorder->index() && same_file(*path, other->node()->records_to())) {
        throw GraphError("'" + other->name() + "' and '" + recorder->name() +
                         "' would write the same file '" + *path + "': give each its own");
      }
    }
  }
}

}  // namespace freshframe::core
