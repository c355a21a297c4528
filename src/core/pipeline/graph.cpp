// Building a graph: names, wiring, the choice of queues, and everything that is refused before a thread runs.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/graph.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <string>
#include <system_error>
#include <utility>

#include "core/seconds_text.hpp"

namespace freshframe::core {
namespace {

// Also through links. Devices and pipes may be written by several.
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

void Graph::check_parents(const NodeBase* node, const std::string& name, std::span<const int> parents) const {
  const auto inputs = node != nullptr ? node->input_types() : std::vector<const TypeInfo*>();
  for (const int parent : parents) {
    if (parent < 0 || parent >= size()) {
      throw GraphError("a parent of '" + name + "' is not a node of this pipeline: add() it here first");
    }
    const auto& from = *workers_[static_cast<std::size_t>(parent)];
    const auto* output = from.node().output_type();
    if (output == type_of<Nothing>()) {
      throw GraphError("'" + from.name() + "' is a sink and has no output: '" + name + "' cannot follow it");
    }
    if (output != nullptr && !takes(inputs, output)) {
      throw GraphError("'" + name + "' takes " + names_of(inputs) + ", but its parent '" + from.name() +
                       "' gives " + std::string(output->name));
    }
  }
}

void Graph::check_queue(const std::string& name, std::span<const int> parents,
                        const std::optional<Queue>& queue, bool recorder) const {
  if (!queue) return;
  validate(*queue);
  if (queue->depth == 0 && parents.size() > 1) {
    throw GraphError("'" + name +
                     "' has several parents and queue=NEXT: a merge needs a queue of depth 1 or more");
  }
  if (queue->when_full != WhenFull::Block) return;
  for (const int parent : parents) {
    const auto* source = worker(parent).source();
    if (source == nullptr || !source->live()) continue;
    const auto wrong = "'" + name + "' has a blocking queue directly below the live source '" +
                       worker(parent).name() + "', which cannot wait: ";
    if (recorder) {
      throw GraphError(
          wrong +
          "leave queue out, a recorder's own (RECORDING) holds 2 s, or use Queue(n, drop_newest) "
          "for longer delays");
    }
    throw GraphError(wrong + "use LATEST, or Queue(n) to ride out short delays");
  }
}

std::string Graph::admit(const NodeBase* node, std::span<const int> parents, const AddOptions& options) {
  if (node == nullptr) throw GraphError("add() needs a node, got none");
  const auto label = options.name.empty() ? node->default_name() : options.name;
  if (node->is_source() && !parents.empty()) {
    throw GraphError("'" + label + "' is a source and takes no parent, got " +
                     std::to_string(parents.size()));
  }
  if (!node->is_source() && parents.empty()) {
    throw GraphError("'" + label + "' takes samples and needs a parent: add(node, parent)");
  }
  if (node->is_source() && (options.queue || options.max_age)) {
    throw GraphError("'" + label +
                     "' is a source and has no queue: give queue= and max_age= to its children");
  }
  if (options.max_age && !(*options.max_age > 0)) {
    throw OptionError("max_age of '" + label + "' must be more than 0 seconds, got " +
                      seconds_text(*options.max_age));
  }
  check_parents(node, label, parents);
  check_queue(label, parents, options.queue, node->is_recorder());
  return take_name(options.name, node->default_name());
}

std::string Graph::admit_reader(std::span<const int> parents, const ReaderOptions& options) {
  const auto label = options.name.empty() ? std::string("reader") : options.name;
  if (parents.empty()) throw GraphError("'" + label + "' needs at least one port to read");
  check_parents(nullptr, label, parents);
  check_queue(label, parents, options.queue, false);
  for (const int parent : parents) {
    if (!options.frames && worker(parent).node().output_type() == type_of<Frame>()) {
      throw GraphError("'" + label + "' has frames=False, but the values of '" + worker(parent).name() +
                       "' are frames: read them with frames=True");
    }
  }
  return take_name(options.name, "reader");
}

int Graph::add(std::unique_ptr<Worker> worker, std::span<const int> parents, const AddOptions& options) {
  Wires wires;
  for (const int parent : parents) wires.push_back({parent, options.queue, options.max_age});
  workers_.push_back(std::move(worker));
  wires_.push_back(std::move(wires));
  return size() - 1;
}

void Graph::add_reader(std::shared_ptr<ReaderCore> reader, std::span<const int> parents,
                       const ReaderOptions& options) {
  Wires wires;
  for (const int parent : parents) wires.push_back({parent, options.queue, std::nullopt});
  readers_.push_back(std::move(reader));
  reader_wires_.push_back(std::move(wires));
}

Queue Graph::resolve_queue(const Wire& wire, const std::string& consumer, bool recorder) const {
  const bool live = is_live(wire.parent);
  const auto queue = wire.queue.value_or(!live ? kLossless : recorder ? kRecording : kLatest);
  if (wire.max_age && !live) {
    throw GraphError("'" + consumer + "' has max_age, but '" + worker(wire.parent).name() +
                     "' comes from a file, where nothing may be dropped: leave max_age out, or open it with "
                     "realtime=True");
  }
  return queue;
}

void Graph::connect(Inbox& inbox, const Wires& wires, bool recorder) {
  for (const auto& wire : wires) {
    auto& parent = worker(wire.parent);
    const auto queue = resolve_queue(wire, inbox.consumer(), recorder);
    const int edge = inbox.add_edge({wire.parent, parent.name(), queue, wire.max_age});
    parent.connect(inbox, edge);
  }
}

std::string Graph::why_lossless(const Wires& wires) const {
  for (const auto& wire : wires) {
    if (resolve_queue(wire, {}, false).when_full != WhenFull::Block) continue;
    if (wire.queue) return "its queue blocks";
    int node = wire.parent;
    while (!worker(node).is_source()) node = wires_[static_cast<std::size_t>(node)].front().parent;
    return "'" + worker(node).name() + "' is a file";
  }
  return {};
}

void Graph::check_recordings() const {
  for (const auto& recorder : workers_) {
    const auto path = recorder->node().records_to();
    if (!path) continue;
    for (const auto& other : workers_) {
      const auto* source = std::as_const(*other).source();
      if (source != nullptr && same_file(*path, source->reads_from())) {
        throw GraphError("'" + recorder->name() + "' would overwrite the file that '" + other->name() +
                         "' reads: give it another name than '" + *path + "'");
      }
      if (other->index() < recorder->index() && same_file(*path, other->node().records_to())) {
        throw GraphError("'" + other->name() + "' and '" + recorder->name() +
                         "' would write the same file '" + *path + "': give each its own");
      }
    }
  }
}

void Graph::find_live() {
  live_.assign(workers_.size(), false);
  for (std::size_t i = 0; i < workers_.size(); ++i) {  // parents come before their children
    if (const auto* source = workers_[i]->source(); source != nullptr) live_[i] = source->live();
    for (const auto& wire : wires_[i]) live_[i] = live_[i] || is_live(wire.parent);
  }
}

void Graph::wire() {
  if (workers_.empty()) throw GraphError("there is nothing to run: add() a source first");
  find_live();
  for (std::size_t i = 0; i < workers_.size(); ++i) {  // everything is refused before anything is wired
    for (const auto& wire : wires_[i]) (void)resolve_queue(wire, workers_[i]->name(), false);
  }
  check_recordings();
  connect_nodes();
  connect_readers();
}

void Graph::connect_nodes() {
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    connect(workers_[i]->inbox(), wires_[i], workers_[i]->is_recorder());
    const auto inputs = workers_[i]->node().input_types();
    if (inputs.empty() || workers_[i]->node().runs_outside()) continue;
    for (const auto& wire : wires_[i]) {
      auto& parent = worker(wire.parent);
      if (parent.node().output_type() == nullptr) parent.set_demand({inputs, workers_[i]->name()});
    }
  }
}

void Graph::connect_readers() {
  for (std::size_t i = 0; i < readers_.size(); ++i) {
    connect(readers_[i]->inbox(), reader_wires_[i], false);
    readers_[i]->resolve_verbs(why_lossless(reader_wires_[i]), holder_of(workers_.size() + i));
  }
}

std::vector<const Inbox*> Graph::inboxes() const {
  std::vector<const Inbox*> all;
  for (const auto& worker : workers_) all.push_back(&std::as_const(*worker).inbox());
  for (const auto& reader : readers_) all.push_back(&reader->inbox());
  return all;
}

int Graph::frame_bound() const {
  constexpr int kSlack = 4;  // a source's frame in hand, a decoder's delay, a frame on its way to Python
  int bound = size() + kSlack;
  for (const auto* inbox : inboxes()) {
    for (const auto& edge : inbox->edges()) bound += edge.queue.depth + 1;
  }
  return bound;
}

std::vector<std::string> Graph::holders() const {
  std::vector<std::string> holders;
  for (const auto& worker : workers_) holders.push_back("node '" + worker->name() + "'");
  for (const auto& reader : readers_) holders.push_back("reader '" + reader->name() + "'");
  return holders;
}

std::uint16_t Graph::holder_of(std::size_t consumer) {
  return static_cast<std::uint16_t>(
      std::min<std::size_t>(consumer + 1, std::numeric_limits<std::uint16_t>::max()));
}

std::uint64_t Graph::delivered() const {
  std::uint64_t sum = 0;
  for (const auto* inbox : inboxes()) sum += inbox->delivered();
  return sum;
}

std::optional<std::string> Graph::full_edge() const {
  for (const auto* inbox : inboxes()) {
    if (const auto parent = inbox->full_blocking_parent()) {
      const bool is_reader = std::any_of(readers_.begin(), readers_.end(),
                                         [&](const auto& reader) { return &reader->inbox() == inbox; });
      if (is_reader) return "nobody reads reader '" + inbox->consumer() + "'";
      return "'" + inbox->consumer() + "' takes nothing from '" + *parent + "'";
    }
  }
  return std::nullopt;
}

void Graph::find_ancestors(int node, std::set<int>& found) const {
  if (!found.insert(node).second) return;
  for (const auto& wire : wires_of(node)) find_ancestors(wire.parent, found);
}

std::set<int> Graph::ancestors_of(const ReaderCore& reader) const {
  std::set<int> nodes;
  for (std::size_t i = 0; i < readers_.size(); ++i) {
    if (readers_[i].get() != &reader) continue;
    for (const auto& wire : reader_wires_[i]) find_ancestors(wire.parent, nodes);
  }
  return nodes;
}

std::optional<std::int64_t> Graph::total() const {
  std::int64_t sum = 0;
  for (const auto& worker : workers_) {
    const auto* source = std::as_const(*worker).source();
    if (source == nullptr) continue;
    const auto total = source->total();
    if (!total) return std::nullopt;
    sum += *total;
  }
  return sum;
}

}  // namespace freshframe::core
