// Questions as text, and the changes that a node can have.
// SPDX-License-Identifier: Apache-2.0
#include "why/what_if/change.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "core/unit_text.hpp"

namespace freshframe {
namespace core {
namespace {

constexpr int kMostWorkers = 256;
constexpr double kMostSpeed = 1000;
constexpr std::string_view kForm =
    "a question is \"NODE: queue=NEXT, workers=2\", with queue, max_age, max_rate, workers, batch, speed or rate";

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// At commas that are not within parentheses.
std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> out;
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] == '(') ++depth;
    if (i < text.size() && text[i] == ')') --depth;
    if (i < text.size() && (text[i] != ',' || depth > 0)) continue;
    out.push_back(trimmed(text.substr(begin, i - begin)));
    begin = i + 1;
  }
  return out;
}

template <class T>
T parse_number(std::string_view name, std::string_view text) {
  T out{};
  const auto end = std::from_chars(text.data(), text.data() + text.size(), out);
  if (end.ec == std::errc() && end.ptr == text.data() + text.size()) return out;
  throw OptionError(std::string(name) + " must be a number, got '" + std::string(text) + "'");
}

// "Queue(8, drop_newest)": what is between the parentheses; nullopt for another text.
std::optional<std::vector<std::string_view>> split_arguments(std::string_view name, std::string_view text) {
  if (!text.starts_with(name) || text.size() < name.size() + 2) return std::nullopt;
  text.remove_prefix(name.size());
  if (text.front() != '(' || text.back() != ')') return std::nullopt;
  auto out = split(text.substr(1, text.size() - 2));
  if (out.empty() || out.size() > 2) return std::nullopt;
  return out;
}

std::string_view without_quotes(std::string_view text) {
  const bool quoted =
      text.size() >= 2 && text.front() == text.back() && (text.front() == '"' || text.front() == '\'');
  return quoted ? text.substr(1, text.size() - 2) : text;
}

Queue find_queue(std::string_view text) {
  const auto known = std::ranges::find(kNamedQueues, text, &NamedQueue::name);
  if (known != kNamedQueues.end()) return known->queue;
  const auto arguments = split_arguments("Queue", text);
  if (!arguments)
    throw OptionError(
        "queue must be LATEST, NEXT, LOSSLESS, RECORDING, Queue(8) or Queue(8, drop_newest), got '" +
        std::string(text) + "'");
  Queue out{.depth = parse_number<int>("the depth of a queue", arguments->front())};
  if (arguments->size() > 1) out.when_full = parse_when_full(without_quotes(arguments->back()));
  return out;
}

Batch parse_batch(std::string_view text) {
  const auto arguments = split_arguments("Batch", text);
  if (!arguments) return {.size = parse_number<int>("batch", text)};
  Batch out{.size = parse_number<int>("the size of a batch", arguments->front())};
  if (arguments->size() == 1) return out;
  constexpr std::string_view kName = "max_wait=";
  if (!arguments->back().starts_with(kName))
    throw OptionError("batch must be a number or Batch(4, max_wait=0.1), got '" + std::string(text) + "'");
  out.max_wait = parse_number<double>("max_wait of a batch", arguments->back().substr(kName.size()));
  return out;
}

void set(NodeChange& change, std::string_view name, std::string_view value) {
  const std::array<std::pair<std::string_view, std::optional<double> NodeChange::*>, 4> numbers = {
      {{"max_age", &NodeChange::max_age},
       {"max_rate", &NodeChange::max_rate},
       {"speed", &NodeChange::speed},
       {"rate", &NodeChange::rate}}};
  const auto number = std::ranges::find(numbers, name, [](const auto& each) { return each.first; });
  if (number != numbers.end()) {
    change.*(number->second) = parse_number<double>(name, value);
  } else if (name == "queue") {
    change.queue = find_queue(value);
  } else if (name == "workers") {
    change.workers = parse_number<int>(name, value);
  } else if (name == "batch") {
    change.batch = parse_batch(value);
  } else {
    throw OptionError("there is no change '" + std::string(name) + "': " + std::string(kForm));
  }
}

void check_positive(std::string_view name, const std::optional<double>& value, std::string_view unit) {
  if (!value || (*value > 0 && std::isfinite(*value))) return;
  throw OptionError(std::string(name) + " must be more than 0" + std::string(unit) + ", got " +
                    number_text(*value, std::chars_format::general, 6));
}

void check_values(const NodeChange& change) {
  if (change.queue) validate(*change.queue);
  if (change.batch) validate(*change.batch);
  check_positive("max_age", change.max_age, " seconds");
  check_positive("max_rate", change.max_rate, " samples per second");
  check_positive("speed", change.speed, "");
  if (change.speed && (*change.speed < 1 / kMostSpeed || *change.speed > kMostSpeed))
    throw OptionError("speed must be 0.001 to 1000, got " +
                      number_text(*change.speed, std::chars_format::general, 6));
  check_positive("rate", change.rate, " samples per second");
  if (change.workers && (*change.workers < 1 || *change.workers > kMostWorkers))
    throw OptionError("workers must be 1 to " + std::to_string(kMostWorkers) + ", got " +
                      std::to_string(*change.workers));
  if (to_string(change).empty()) throw OptionError("what_if needs a change: " + std::string(kForm));
}

// The node of a name, with its number.
const std::pair<const int, RecordedNode>& named_node(const Recording& recording, const std::string& name) {
  const auto found =
      std::ranges::find_if(recording.nodes, [&](const auto& each) { return each.second.name == name; });
  if (found != recording.nodes.end()) return *found;
  std::string names;
  for (const auto& [number, each] : recording.nodes) {
    if (!each.is_reader) names += (names.empty() ? "'" : ", '") + each.name + "'";
  }
  throw GraphError("there is no node '" + name + "' in this pipeline; its nodes are " + names);
}

// Refuses changes that a reader, a source or a node between them cannot have.
void check_role(const RecordedNode& recorded, const NodeChange& change) {
  if (recorded.is_reader)
    throw OptionError("'" + recorded.name +
                      "' is a reader: its program decides when it takes samples; ask about a node");
  if (recorded.is_source &&
      (change.queue || change.max_age || change.max_rate || change.workers || change.batch || change.speed))
    throw OptionError("'" + recorded.name +
                      "' is a source: only its rate= can change, for nothing comes into it");
  if (!recorded.is_source && change.rate)
    throw OptionError("'" + recorded.name +
                      "' is no source: rate= is of a source, max_rate= of the edges into a node");
}

}  // namespace

int check_change(const Recording& recording, const std::string& node, const NodeChange& change) {
  check_values(change);
  const auto& [number, its] = named_node(recording, node);
  check_role(its, change);
  if (change.queue && change.queue->depth == 0 && its.edges.size() > 1)
    throw GraphError("'" + node + "' has several parents: a merge needs a queue of depth 1 or more");
  if (change.batch && !its.takes_batches)
    throw OptionError("'" + node + "' takes no batches: it has no process_batch()");
  return number;
}

}  // namespace core

Question Question::parse(std::string_view text) {
  const auto colon = text.rfind(": ");
  const auto end = colon != std::string_view::npos ? colon : text.rfind(':');
  if (end == std::string_view::npos)
    throw OptionError("got '" + std::string(text) + "', but " + std::string(core::kForm));
  Question out{.node = std::string(core::trimmed(text.substr(0, end))), .change = {}};
  std::set<std::string_view> names;
  for (const auto each : core::split(text.substr(end + 1))) {
    const auto equals = each.find('=');
    if (equals == std::string_view::npos)
      throw OptionError("got '" + std::string(each) + "', but " + std::string(core::kForm));
    const auto name = core::trimmed(each.substr(0, equals));
    if (!names.insert(name).second)
      throw OptionError("'" + std::string(name) + "' is changed twice: give it once");
    core::set(out.change, name, core::trimmed(each.substr(equals + 1)));
  }
  return out;
}

}  // namespace freshframe
