// Converts options of Python calls to the engine's types. Python has checked the types; the engine checks the
// values.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/pipeline.hpp"
#include "freshframe/queue.hpp"

#include <cstdint>
#include <new>
#include <optional>
#include <string>

#include "bindings/border/text.hpp"
#include "bindings/parts.hpp"

#include <nanobind/stl/optional.h>

namespace nb = nanobind;

namespace freshframe::python {

namespace {

void bind_queues(nb::module_& module) {
  nb::class_<Queue>(module, "QueuePolicy", nb::is_final(), "A Queue as the engine represents it.")
      .def(
          "__init__",
          [](Queue* self, int depth, const std::string& when_full, std::optional<double> max_seconds,
             std::optional<std::int64_t> max_bytes) {
            const Queue queue{depth, parse_when_full(when_full), max_seconds, max_bytes};
            validate(queue);
            new (self) Queue(queue);
          },
          nb::arg("depth"), nb::arg("when_full"), nb::arg("max_seconds").none(), nb::arg("max_bytes").none())
      .def_ro("depth", &Queue::depth)
      .def_prop_ro("when_full", [](const Queue& self) { return to_string(self.when_full); })
      .def_ro("max_seconds", &Queue::max_seconds)
      .def_ro("max_bytes", &Queue::max_bytes)
      .def_prop_ro("blocks", &Queue::blocks, "True if a full queue makes the producer wait.")
      .def_prop_ro(
          "name", [](const Queue& self) { return to_string(self); },
          "Name of a predefined queue, or a string such as \"Queue(4, drop_newest)\".");
  module.def(
      "predefined_queues",
      [] {
        nb::typed<nb::dict, nb::str, Queue> queues;
        for (const auto& known : kNamedQueues) queues[nb::cast(known.name)] = known.queue;
        return queues;
      },
      "LATEST, NEXT, LOSSLESS and RECORDING, keyed by name.");
}

}  // namespace

void bind_options(nb::module_& module) {
  bind_queues(module);
  nb::class_<Batch>(module, "BatchPolicy", nb::is_final(), "A Batch as the engine represents it.")
      .def(
          "__init__",
          [](Batch* self, int size, double max_wait) {
            const Batch batch{size, max_wait};
            validate(batch);
            new (self) Batch(batch);
          },
          nb::arg("size"), nb::arg("max_wait"));
  nb::class_<Join>(module, "JoinPolicy", nb::is_final(), "A Join as the engine represents it.")
      .def(
          "__init__",
          [](Join* self, std::optional<double> within, std::optional<double> max_wait,
             const std::optional<std::string>& by, bool partial) {
            const Join join{within, max_wait, by ? std::optional(parse_join_by(*by)) : std::nullopt, partial};
            validate(join);
            new (self) Join(join);
          },
          nb::arg("within").none(), nb::arg("max_wait").none(), nb::arg("by").none(), nb::arg("partial"));
  nb::class_<EdgeOptions>(module, "EdgeOptions", nb::is_final(), "Options of an edge.")
      .def(
          "__init__",
          [](EdgeOptions* self, std::optional<Queue> queue, std::optional<double> max_age,
             std::optional<double> max_rate,
             std::int64_t every) { new (self) EdgeOptions{queue, max_age, max_rate, every}; },
          nb::arg("queue").none() = nb::none(), nb::arg("max_age").none() = nb::none(),
          nb::arg("max_rate").none() = nb::none(), nb::arg("every") = 1);
  nb::class_<AddOptions>(module, "AddOptions", nb::is_final(), "Options of Pipeline.add().")
      .def(
          "__init__",
          [](AddOptions* self, const std::string& name, const EdgeOptions& edge, const std::string& on_error,
             std::optional<Batch> batch, const std::string& as_source, std::optional<Join> join, bool merge,
             std::optional<int> companion_of) {
            new (self) AddOptions{.name = name,
                                  .queue = edge.queue,
                                  .on_error = parse_on_error(on_error),
                                  .max_age = edge.max_age,
                                  .batch = batch,
                                  .as_source = as_source,
                                  .join = join,
                                  .max_rate = edge.max_rate,
                                  .every = edge.every,
                                  .merge = merge,
                                  .companion_of = companion_of};
          },
          nb::arg("name"), nb::arg("edge"), nb::arg("on_error"), nb::arg("batch").none() = nb::none(),
          nb::arg("as_source") = "", nb::arg("join").none() = nb::none(), nb::arg("merge") = false,
          nb::arg("companion_of").none() = nb::none());
}

}  // namespace freshframe::python
