// The Stamp class: the origin of a sample.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/stamp.hpp"

#include "freshframe/error.hpp"

#include <chrono>
#include <string>

#include "bindings/border/text.hpp"
#include "bindings/parts.hpp"
#include "bindings/read/sample.hpp"

namespace nb = nanobind;

namespace freshframe::python {

const Stamp& read_stamp(nb::handle given) {
  if (nb::isinstance<PythonSample>(given)) return nb::inst_ptr<PythonSample>(given)->sample().stamp;
  return nb::cast<const PythonStamp&>(given).stamp;
}

const Stamp& read_stamp(nb::handle given, const NodeNames& names) {
  const auto& given_names = nb::isinstance<PythonSample>(given) ? nb::inst_ptr<PythonSample>(given)->names()
                                                                : nb::cast<const PythonStamp&>(given).names;
  if (given_names && given_names != names) {
    throw Error(
        "returned a result with the stamp of a sample from another pipeline: pass like= a sample that this "
        "node received");
  }
  return read_stamp(given);
}

std::string PythonStamp::source() const {
  return names ? names->find_stream(stamp.source) : std::string();
}

namespace {

[[noreturn]] nb::tuple refuse_stamp_pickle(const PythonStamp& /*self*/) {
  throw OptionTypeError(
      "a Stamp cannot be pickled: it belongs to its pipeline; send the parts that you need, such as "
      "stamp.source, "
      "stamp.seq, stamp.part and stamp.pts");
}

std::string stamp_text(const PythonStamp& self) {
  const auto part = self.stamp.part == 0 ? std::string() : ", part=" + std::to_string(self.stamp.part);
  return "Stamp(seq=" + std::to_string(self.stamp.seq) + part + ", source='" + self.source() + "')";
}

}  // namespace

void bind_stamp(nb::module_& module) {
  nb::class_<PythonStamp>(
      module, "Stamp", nb::is_final(),
      "The origin of a sample: its numbers, times and source. ``sample.stamp`` does not keep the frame "
      "alive, so a program may store any number of stamps.")
      .def_prop_ro(
          "seq", [](const PythonStamp& self) { return self.stamp.seq; }, "Same as Sample.seq.")
      .def_prop_ro(
          "part", [](const PythonStamp& self) { return self.stamp.part; }, "Same as Sample.part.")
      .def_prop_ro(
          "pts", [](const PythonStamp& self) { return self.stamp.pts; }, "Same as Sample.pts.")
      .def_prop_ro(
          "captured",
          [](const PythonStamp& self) {
            return std::chrono::duration<double>(self.stamp.captured.time_since_epoch()).count();
          },
          "Same as Sample.captured.")
      .def_prop_ro(
          "source", [](const PythonStamp& self) { return self.source(); }, "Same as Sample.source.")
      .def_prop_ro(
          "_source_number", [](const PythonStamp& self) { return self.stamp.source; },
          "The number of the source. It is never reused, even by another source with the same name.")
      .def("__reduce__", &refuse_stamp_pickle, "Raises OptionTypeError: a Stamp cannot be pickled.")
      .def("__repr__", &stamp_text);
}

}  // namespace freshframe::python
