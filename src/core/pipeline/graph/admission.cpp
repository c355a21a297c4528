// Validates nodes, readers and edges: names, parents, queues, batches, files, and replacements of nodes.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/graph/admission.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "core/file_place.hpp"
#include "core/pipeline/graph/graph_facts.hpp"
#include "core/unit_text.hpp"

namespace freshframe::core {
namespace {

bool same_file(const std::string& path, const std::optional<std::string>& other) {
  return other && is_same_file(path, *other);
}

[[noreturn]] void refuse_replacement(const std::string& name, const std::string& why) {
  throw GraphError("'" + name + "' cannot be replaced by this node, " + why +
                   ": remove() it and add() the new node");
}

// Other nodes must not notice the replacement.
void check_alike(const Runner& runner, const NodeBase& next) {
  const auto old = runner.node();
  const auto refuse = [&](const std::string& why) { refuse_replacement(runner.name(), why); };
  if (old->is_source() != next.is_source())
    refuse(next.is_source() ? "which is a source" : "which is not a source");
  const auto before = old->contract();
  const auto after = next.contract();
  if (before.is_recorder() || after.is_recorder()) refuse("because it would split the file of a recorder");
  // An embedder has already checked the types of its own nodes.
  const bool is_embedders = before.runs_outside || after.runs_outside;
  if (!is_embedders && old->output_type() != next.output_type()) refuse("which returns a different type");
  if (const auto source = runner.place().source();
      source && source->live() != static_cast<const SourceBase&>(next).live()) {
    refuse(source->live() ? "which is not live" : "which is live");
  }
  if (before.gives_several != after.gives_several)
    refuse("which returns a different number of results per sample");
  if (before.tick_every != after.tick_every) refuse("which has a different tick_every");
  if (before.finishes != after.finishes) {
    refuse(after.finishes ? "which has finish(), while the old node does not"
                          : "which does not have finish(), while the old node does");
  }
  if (runner.facts().batch && !after.takes_batches) refuse("which does not take batches");
}

}  // namespace

void Admission::check_parents(const NodeBase* node, const std::string& name,
                              std::span<const AnyPort> parents) const {
  const auto inputs = node != nullptr ? node->input_types() : std::vector<const TypeInfo*>();
  const auto is_gone = [this](int index) {
    return !graph_.has(index) || graph_.runner(index).life().removal() != nullptr;
  };
  for (const auto& parent : parents) {
    if (parent.node < 0 || parent.node >= graph_.size() || parent.source >= graph_.size()) {
      throw GraphError("a parent of '" + name + "' is not a node of this pipeline: add() it here first");
    }
    if (is_gone(parent.node)) {
      const auto gone = graph_.has(parent.node) ? "the parent '" + graph_.runner(parent.node).name() + "'"
                                                : std::string("a parent");
      throw StateError(gone + " of '" + name + "' was removed");
    }
    if (parent.source >= 0 && is_gone(parent.source)) {
      throw StateError("the parent '" + graph_.runner(parent.node).name() + "' of '" + name +
                       "' is restricted to a source that was removed");
    }
    (void)list_sources(graph_, parent);
    const auto& from = graph_.runner(parent.node);
    const auto* output = from.node()->output_type();
    if (output == get_type<Nothing>()) {
      throw GraphError(
          "'" + from.name() + "' is a sink and has no output: '" + name +
          "' cannot follow it, but it can follow the parent of '" + from.name() +
          "'. A pipeline whose results only go into sinks needs no reader and no loop: call run()");
    }
    if (output != nullptr && !takes(inputs, output)) {
      throw GraphError("'" + name + "' takes " + join_names(inputs) + ", but its parent '" + from.name() +
                       "' returns " + std::string(output->name));
    }
  }
}

void Admission::choose_input(NodeBase& node, std::span<const AnyPort> parents) const {
  const TypeInfo* given = nullptr;
  for (const auto& parent : parents) {
    if (given == nullptr && graph_.has(parent.node)) given = graph_.runner(parent.node).node()->output_type();
  }
  node.set_input(given);
}

// A sample that arrives on two edges would be processed twice.
void Admission::check_distinct(const std::string& name, std::span<const AnyPort> parents) const {
  for (auto first = parents.begin(); first != parents.end(); ++first) {
    for (auto second = std::next(first); second != parents.end(); ++second) {
      if (first->node != second->node) continue;
      const auto sources = list_sources(graph_, *first);
      const auto others = list_sources(graph_, *second);
      const bool shared = std::ranges::any_of(
          sources, [&](int source) { return std::ranges::binary_search(others, source); });
      if (!shared) continue;
      throw GraphError("'" + name + "' has '" + graph_.runner(first->node).name() +
                       "' as its parent twice, and would get each sample twice: pass it once");
    }
  }
}

void Admission::check_queue(const std::string& name, std::span<const AnyPort> parents,
                            const std::optional<Queue>& queue, bool recorder) const {
  if (!queue) return;
  validate(*queue);
  if (queue->depth == 0 && parents.size() > 1) {
    throw GraphError("'" + name +
                     "' has several parents and queue=NEXT: a merge needs a queue of depth 1 or more");
  }
  if (!queue->blocks()) return;
  for (const auto& parent : parents) {
    const auto source = graph_.runner(parent.node).place().source();
    if (source == nullptr || !source->live()) continue;
    const auto wrong = "'" + name + "' has a blocking queue directly downstream of the live source '" +
                       graph_.runner(parent.node).name() + "', which cannot wait: ";
    if (recorder) {
      throw GraphError(
          wrong +
          "leave queue out, because a recorder's default (RECORDING) holds 2 s, or use Queue(n, drop_newest) "
          "for longer delays");
    }
    throw GraphError(wrong + "use LATEST, or Queue(n) to ride out short delays");
  }
}

std::string Admission::advise_own_samples(std::span<const int> sources,
                                          std::span<const AnyPort> parents) const {
  for (const auto& parent : parents) {
    if (!std::ranges::binary_search(sources, parent.node)) continue;
    const auto name = graph_.runner(parent.node).name();
    return ", or the samples that '" + name + "' itself makes with port.of(port) of '" + name + "'";
  }
  return "";
}

void Admission::check_one_source(const std::string& who, std::span<const AnyPort> parents) const {
  const auto sources = list_sources(graph_, parents);
  if (sources.size() < 2) return;
  constexpr std::size_t kNamed = 3;
  std::string names;
  for (std::size_t i = 0; i < std::min(kNamed, sources.size()); ++i) {
    names += (i == 0 ? "'" : ", '") + graph_.runner(sources[i]).facts().stream_name + "'";
  }
  if (sources.size() > kNamed) names += ", ...";
  throw GraphError(who + " shows the frames of one source, but receives samples of " +
                   std::to_string(sources.size()) + " sources (" + names +
                   "): choose one with port.of(camera)" + advise_own_samples(sources, parents));
}

// A join's edges have neither max_rate nor every.
void Admission::check_edge(const std::string& name, const EdgeOptions& edge, bool joins) {
  if (edge.max_age && !(*edge.max_age > 0)) {
    throw OptionError("max_age of '" + name + "' must be more than 0 seconds, got " +
                      seconds_text(*edge.max_age));
  }
  if (edge.max_rate && (!(*edge.max_rate > 0) || !std::isfinite(*edge.max_rate))) {
    throw OptionError("max_rate of '" + name + "' must be more than 0 samples per second, got " +
                      number_text(*edge.max_rate, std::chars_format::general, 6));
  }
  if (edge.every < 1)
    throw OptionError("every of '" + name + "' must be at least 1, got " + std::to_string(edge.every));
  const std::string given = edge.max_rate ? "max_rate" : edge.every > 1 ? "every" : "";
  if (joins && !given.empty()) {
    throw GraphError("'" + name + "' has a join and " + given +
                     ", which would pass samples of its parents that do not belong "
                     "together: pass " +
                     given + " to a node or reader downstream of the join");
  }
}

void Admission::check_packets(const std::string& name, std::span<const AnyPort> parents,
                              const EdgeOptions& edge, bool joins) const {
  const auto gives = [this](const AnyPort& parent) {
    return graph_.has(parent.node) && gives_packets(graph_, parent.node);
  };
  if (std::ranges::none_of(parents, gives)) return;
  if (joins) {
    throw GraphError(
        "'" + name +
        "' joins packets, and a join would drop packets that later ones depend on: join the frames instead");
  }
  const bool drops = edge.queue && edge.queue->when_full == WhenFull::DropOldest;
  const auto given = edge.max_age     ? std::string("max_age")
                     : edge.max_rate  ? std::string("max_rate")
                     : edge.every > 1 ? std::string("every")
                     : drops          ? to_string(*edge.queue)
                                      : std::string();
  if (given.empty()) return;
  throw GraphError(
      "'" + name + "' takes packets, and " + given +
      " would drop packets that later ones depend on: use RECORDING, the default, and continue at the next "
      "packet that has is_keyframe=True where sample.dropped is above 0");
}

void Admission::check_batch(const NodeBase& node, const std::string& name, const AddOptions& options) const {
  if (!options.batch) return;
  validate(*options.batch);
  if (node.is_source()) {
    throw GraphError("'" + name +
                     "' is a source and cannot have a batch: add the node downstream of it with one");
  }
  if (!node.contract().takes_batches) {
    throw GraphError("'" + name +
                     "' has no process_batch() and takes one sample at a time: add it without a batch");
  }
  if (options.queue && options.queue->depth == 0 && options.batch->size > 1) {
    throw GraphError("'" + name + "' has queue=NEXT, which hands over one sample at a time, and a batch of " +
                     std::to_string(options.batch->size) + ": use LATEST, or a batch of 1");
  }
}

void Admission::check_stream(const NodeBase& node, const std::string& name, const AddOptions& options) const {
  constexpr Seconds kDay{86'400};
  const auto contract = node.contract();
  if (const auto period = contract.tick_every) {
    if (!(period->count() > 0) || *period > kDay) {
      throw OptionError("tick_every of '" + name + "' must be more than 0 seconds and at most a day, got " +
                        seconds_text(period->count()));
    }
    if (to_duration(*period).count() < 1) {
      throw OptionError("tick_every of '" + name + "' must be at least 1e-9 seconds, got " +
                        number_text(period->count(), std::chars_format::general, 6));
    }
  }
  if (node.is_source() && contract.has_own_stream()) {
    throw GraphError("'" + name +
                     "' is a source and cannot have on_tick() or finish(): do their work in read()");
  }
  if (options.as_source.empty()) return;
  if (!contract.has_own_stream()) {
    throw GraphError("'" + name + "' has as_source='" + options.as_source +
                     "', but it does not start a stream: it has neither on_tick() nor finish()");
  }
  if (graph_.names().has(options.as_source)) {
    throw GraphError("the name '" + options.as_source +
                     "' is taken: streams, nodes and readers of a pipeline share one namespace");
  }
  if (options.as_source == name) {
    throw GraphError("as_source='" + name +
                     "' is the node's own name, which its stream has anyway: leave as_source out");
  }
}

void Admission::check_companion(const NodeBase& node, const std::string& name,
                                const AddOptions& options) const {
  if (!options.companion_of) return;
  const int index = options.companion_of->node;
  if (index < 0 || index >= graph_.size()) {
    throw GraphError("companion_of for '" + name + "' is not a node of this pipeline: add() it here first");
  }
  if (!graph_.has(index))
    throw GraphError("'" + name +
                     "' cannot be the companion of a source that was removed: add() the source again first");
  const auto& source = graph_.runner(index);
  if (source.life().removal() != nullptr)
    throw GraphError("'" + source.name() + "' was removed, and its " + name + " with it");
  if (!source.is_source() || !node.is_source()) {
    throw GraphError(
        "'" + (source.is_source() ? name : source.name()) +
        "' is not a source: companion_of links two sources, a camera and its second output, such as "
        "make_packet_source()");
  }
}

std::string Admission::find_writer(const std::optional<std::string>& path) const {
  for (const auto& recorder : graph_.runners()) {
    const auto written = recorder->node()->contract().records_to;
    if (written && same_file(*written, path)) return recorder->name();
  }
  return {};
}

void Admission::check_recordings() const {
  for (const auto& recorder : graph_.runners()) {
    const auto path = recorder->node()->contract().records_to;
    if (!path) continue;
    for (const auto& other : graph_.runners()) {
      const auto source = other->place().source();
      if (source != nullptr && same_file(*path, source->reads_from())) {
        throw GraphError("'" + recorder->name() + "' would overwrite the file that '" + other->name() +
                         "' reads: write to another file than '" + *path + "'");
      }
      if (other->index() < recorder->index() && same_file(*path, other->node()->contract().records_to)) {
        throw GraphError("'" + other->name() + "' and '" + recorder->name() +
                         "' would write the same file '" + *path + "': give each its own");
      }
    }
  }
}

void Admission::check_node(const NodeBase& node, std::span<const AnyPort> parents,
                           const AddOptions& options) const {
  const auto label = options.name.empty() ? node.default_name() : options.name;
  if (node.is_source() && !parents.empty()) {
    throw GraphError("'" + label + "' is a source and cannot have a parent, got " +
                     std::to_string(parents.size()));
  }
  if (!node.is_source() && parents.empty() && !options.merge) {
    throw GraphError("'" + label + "' takes samples and needs a parent: add(node, parent)");
  }
  if (node.is_source() && (options.queue || options.max_age || options.max_rate || options.every != 1)) {
    throw GraphError(
        "'" + label +
        "' is a source and has no queue: pass queue=, max_age=, max_rate= and every= to its children");
  }
  const auto edge = options.edge();
  const bool joins = options.join.has_value();
  check_edge(label, edge, joins);
  check_parents(&node, label, parents);
  check_distinct(label, parents);
  check_packets(label, parents, edge, joins);
  check_set_node(node, label, parents, options);
  if (options.join) (void)resolve_join(label, parents, *options.join, options.queue);
  check_queue(label, parents, options.queue, node.contract().is_recorder());
  check_batch(node, label, options);
  check_stream(node, label, options);
  check_companion(node, label, options);
  if (node.contract().needs_one_source) check_one_source("'" + label + "'", parents);
}

void Admission::check_reader(std::span<const AnyPort> parents, const ReaderOptions& options) const {
  const auto label = options.name.empty() ? std::string("reader") : options.name;
  if (parents.empty()) throw GraphError("'" + label + "' needs at least one port to read");
  const auto edge = options.edge();
  const bool joins = options.join.has_value();
  check_edge(label, edge, joins);
  check_parents(nullptr, label, parents);
  check_distinct(label, parents);
  check_packets(label, parents, edge, joins);
  if (options.join) (void)resolve_join(label, parents, *options.join, options.queue);
  check_queue(label, parents, options.queue, false);
  for (const auto& parent : parents) {
    if (!options.frames && graph_.runner(parent.node).node()->output_type() == get_type<Frame>()) {
      throw GraphError("'" + label + "' has frames=False, but the values of '" +
                       graph_.runner(parent.node).name() + "' are frames: read them with frames=True");
    }
  }
}

void Admission::check_connection(int child, const AnyPort& parent, const ConnectOptions& options) const {
  if (!graph_.has(child) || graph_.runner(child).life().removal() != nullptr)
    throw StateError("the node to connect to was removed");
  const auto& node = graph_.runner(child);
  if (node.is_source()) {
    throw GraphError("'" + node.name() +
                     "' is a source and cannot have a parent: connect() takes the child first " +
                     "and then its parent");
  }
  if (graph_.place(child).join) {
    throw GraphError("'" + node.name() +
                     "' joins its parents and cannot get another one: remove() it and add a new join");
  }
  if (!graph_.place(child).merge) {
    throw GraphError(
        "'" + node.name() + "' was added with one parent and cannot get another one: add it with a list, [" +
        (graph_.has(parent.node) ? graph_.runner(parent.node).name() : std::string("parent")) + "]");
  }
  const AnyPort parents[] = {parent};
  check_parents(node.node().get(), node.name(), parents);
  std::set<int> above;
  find_ancestors(graph_, parent.node, above);
  if (above.contains(child)) {
    throw GraphError("'" + graph_.runner(parent.node).name() + "' is downstream of '" + node.name() +
                     "': connecting them would create a cycle");
  }
  const auto sources = list_sources(graph_, parent);
  for (const auto& wire : graph_.list_wires(child)) {
    const auto reaching = sources_on(graph_, wire);
    const bool shared = wire.parent == parent.node && std::ranges::any_of(sources, [&](int source) {
                          return std::ranges::binary_search(reaching, source);
                        });
    if (shared || (wire.parent == parent.node && wire.source == parent.source)) {
      throw GraphError("'" + graph_.runner(parent.node).name() + "' is already connected to '" + node.name() +
                       "'");
    }
  }
  if (graph_.is_wired() && graph_.is_live(parent.node) && !graph_.is_live(child)) {
    throw GraphError(
        "'" + node.name() + "' was added downstream of files, and the queues downstream of it block: '" +
        graph_.runner(parent.node).name() +
        "' is live and cannot wait. Add the merge with [] as its parents, or add a live source first");
  }
  check_edge(node.name(), options, false);
  check_queue(node.name(), parents, options.queue, node.facts().is_recorder);
  check_packets(node.name(), parents, options, false);
}

void Admission::check_types(const Runner& runner, const NodeBase& next,
                            std::span<const AnyPort> parents) const {
  const auto old = runner.node();
  if (!old->contract().runs_outside || next.contract().runs_outside) return;
  const auto inputs = next.input_types();
  const bool takes_the_same = old->input_type() != nullptr && takes(inputs, old->input_type());
  for (const auto& parent : parents) {
    const auto& above = graph_.runner(parent.node);
    if (inputs.empty() || takes_the_same || above.node()->output_type() != nullptr) continue;
    refuse_replacement(runner.name(), "which takes " + join_names(inputs) + ", while its parent '" +
                                          above.name() + "' does not say what it returns");
  }
  for (const auto& below : demands_below(graph_, runner.index())) {
    if (next.output_type() == nullptr || below.allows(next.output_type())) continue;
    refuse_replacement(runner.name(), "which returns " + std::string(next.output_type()->name) + ", while '" +
                                          below.child + "' takes " + join_names(below.types));
  }
}

void Admission::check_successor(const Runner& runner, const NodeBase& next) const {
  check_alike(runner, next);
  const auto index = runner.index();
  const auto parents = list_parents(graph_, index);
  AddOptions options;
  if (const auto& rules = graph_.place(index).join) {
    options.join = Join{};
    options.join->partial = rules->partial;
  }
  check_set_node(next, runner.name(), parents, options);
  check_parents(options.join ? nullptr : &next, runner.name(), parents);
  check_types(runner, next, parents);
  if (next.contract().needs_one_source) check_one_source("'" + runner.name() + "'", parents);
  if (!runner.is_source()) return;
  const auto reads = static_cast<const SourceBase&>(next).reads_from();
  if (const auto writer = find_writer(reads); !writer.empty())
    refuse_replacement(runner.name(), "which reads '" + *reads + "', the file that '" + writer + "' writes");
}

}  // namespace freshframe::core
