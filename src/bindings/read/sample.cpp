// The Sample class: value and frame are created on first use; garbage collection.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/read/sample.hpp"

#include "freshframe/join_node.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>

#include "bindings/border/attribute_hint.hpp"
#include "bindings/border/errors.hpp"
#include "bindings/border/path_name.hpp"
#include "bindings/border/raw_call.hpp"
#include "bindings/border/text.hpp"
#include "bindings/parts.hpp"
#include "bindings/results/value.hpp"

#include <nanobind/typing.h>

namespace nb = nanobind;

namespace freshframe::python {

namespace {

const std::string kUnknown;

}  // namespace

const std::string& PythonSample::source() const {
  return names_ ? names_->find_stream(sample_.stamp.source) : kUnknown;
}

const std::string& PythonSample::node() const {
  return names_ ? names_->find_name(sample_.node) : kUnknown;
}

namespace {

// Returns the object in `member`, or stores the result of `make`. While it is being made, another thread may
// run this function too; all of them use the first object stored.
template <class Make>
nb::object keep_member(nb::handle self, nb::object& member, const Make& make) {
  {
    const nb::ft_object_guard guard(self);
    if (member.is_valid()) return member;
  }
  nb::object made = make();
  const nb::ft_object_guard guard(self);
  if (!member.is_valid()) member = std::move(made);
  return member;
}

template <class Make>
nb::object make_tuple(std::size_t size, const Make& make) {
  auto tuple = nb::steal(PyTuple_New(static_cast<Py_ssize_t>(size)));
  if (!tuple.is_valid()) throw nb::python_error();
  for (std::size_t i = 0; i < size; ++i) {
    PyTuple_SetItem(tuple.ptr(), static_cast<Py_ssize_t>(i), make(i).release().ptr());
  }
  return tuple;
}

}  // namespace

nb::object PythonSample::frame(nb::handle self) {
  if (!sample_.frame) {
    throw StateError(
        "the sample with seq " + std::to_string(sample_.stamp.seq) + " of '" + node() +
        "' has no frame: its reader was made with frames=False, or its value, such as a packet, a number "
        "or the result of a tick, was not made from a frame. Make the reader without frames=False, or "
        "use sample.value");
  }
  return keep_member(self, frame_, [&] { return nb::cast(sample_.frame); });
}

nb::object PythonSample::members(nb::handle self) {
  return keep_member(self, members_, [&]() -> nb::object {
    const auto* const set = sample_.value.as<Joined>();
    return make_tuple(set == nullptr ? 0 : set->members.size(), [&](std::size_t i) {
      const auto& part = set->members[i];
      return part ? make_sample(*part, names_) : nb::none();
    });
  });
}

nb::object PythonSample::value(gil::Held& held, nb::handle self) {
  return keep_member(self, value_, [&]() -> nb::object {
    if (!sample_.value) return sample_.frame ? frame(self) : nb::none();
    if (const auto* const set = sample_.value.as<Joined>()) {
      const auto samples = members(self);
      return make_tuple(set->members.size(), [&](std::size_t i) {
        const nb::handle part = PyTuple_GetItem(samples.ptr(), static_cast<Py_ssize_t>(i));
        return part.is_none() ? nb::none() : nb::inst_ptr<PythonSample>(part)->value(held, part);
      });
    }
    return to_python(held, sample_.value);
  });
}

bool PythonSample::renew([[maybe_unused]] nb::handle only, [[maybe_unused]] AnySample& sample,
                         [[maybe_unused]] const NodeNames& names) {
#ifndef Py_GIL_DISABLED  // free-threaded Python cannot tell that no other thread has a reference
  if (!only.is_valid() || Py_REFCNT(only.ptr()) != 1) return false;
  auto* self = nb::inst_ptr<PythonSample>(only);
  if (self->names_ != names) return false;
  const AnySample before = std::exchange(self->sample_, std::move(sample));
  const nb::object members = std::move(self->members_);
  const nb::object value = std::move(self->value_);  // released after the members are empty
  const nb::object frame = std::move(self->frame_);
  return true;
#else
  return false;
#endif
}

int PythonSample::traverse(PyObject* self, visitproc visit, void* arg) noexcept {
  Py_VISIT(Py_TYPE(self));
  if (!nb::inst_ready(self)) return 0;
  const auto* sample = nb::inst_ptr<PythonSample>(self);
  Py_VISIT(sample->value_.ptr());
  Py_VISIT(sample->frame_.ptr());
  Py_VISIT(sample->members_.ptr());
  return 0;
}

int PythonSample::clear(PyObject* self) noexcept {
  auto* sample = nb::inst_ptr<PythonSample>(self);
  const nb::object members = std::move(sample->members_);
  const nb::object value = std::move(sample->value_);  // released after the members are empty
  const nb::object frame = std::move(sample->frame_);
  return 0;
}

nb::object make_sample(AnySample sample, const NodeNames& names) {
  return nb::cast(PythonSample(std::move(sample), names));
}

namespace {

double seconds(TimePoint time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

PyObject* get_value(gil::Held& held, PyObject* self, void* /*unused*/) {
  return raw_call(held, [&] {
    if (!nb::inst_ready(self)) throw nb::type_error("this Sample was not made by a reader or for a node");
    return nb::inst_ptr<PythonSample>(self)->value(held, self).release().ptr();
  });
}

constexpr const char* kTimes =
    "Its times are pts, the seconds in the video; captured, by time.monotonic(); and utc";

constexpr AttributeHint kSampleHints[] = {
    {"timestamp", kTimes},
    {"time", kTimes},
    {"ts", kTimes},
    {"image", "sample.frame is the frame, sample.frame.bgr its pixels"},
    {"bgr", "sample.frame is the frame, sample.frame.bgr its pixels"},
    {"rgb", "sample.frame is the frame, sample.frame.rgb its pixels"},
    {"luma", "sample.frame is the frame, sample.frame.luma its luma"},
    {"shape", "sample.frame is the frame, sample.frame.bgr.shape the shape of its pixels"},
};

PyObject* get_sample_attribute(PyObject* self, PyObject* name) {
  return attribute_or_hint(self, name, kSampleHints);
}

PyGetSetDef value_getter = {"value", gil::entry<&get_value>, nullptr,
                            "The value. It is converted to a Python object on first access, then kept.",
                            nullptr};

// Defined as a slot, so that type checkers still reject `await reader.get()`.
PyObject* refuse_await(PyObject* /*self*/) {
  PyErr_SetString(
      PyExc_TypeError,
      "a Sample cannot be awaited: a reader's get() waits on the calling thread. In a coroutine write "
      "`async for sample in reader:`, or `await anext(aiter(reader))` for one sample");
  return nullptr;
}

// Otherwise NumPy would create an array of one object.
void refuse_array(const PythonSample& /*self*/, const nb::object& /*dtype*/, const nb::object& /*copy*/) {
  throw nb::type_error(
      "a Sample is not an array: use sample.frame.bgr for the pixels of its frame, or sample.value for its "
      "value");
}

nb::object get_utc(const PythonSample& self) {
  const auto& utc = self.sample().stamp.utc;
  return utc.from == UtcFrom::None ? nb::none() : nb::object(nb::float_(utc.seconds));
}

std::string_view get_utc_from(const PythonSample& self) {
  return to_string(self.sample().stamp.utc.from);
}

nb::object make_path(const PythonSample& self) {
  const auto& path = self.sample().stamp.path;
  return path ? python_path(*path) : nb::none();
}

[[noreturn]] nb::tuple refuse_sample_pickle(const PythonSample& /*self*/) {
  throw OptionTypeError(
      "a Sample cannot be pickled: it may hold a frame, shared memory of this process; send the "
      "parts that you need, such as sample.value, sample.seq and sample.pts");
}

std::string sample_text(const PythonSample& self) {
  const auto& stamp = self.sample().stamp;
  const auto part = stamp.part == 0 ? std::string() : ", part=" + std::to_string(stamp.part);
  return "Sample(seq=" + std::to_string(stamp.seq) + part + ", source='" + self.source() + "', node='" +
         self.node() + "')";
}

// Creates the sample of a NodeError, if it has one.
nb::object failed_sample(const NodeError& error) {
  const auto names = std::make_shared<core::NameTable>();
  const int source = error.sample()->stamp.source;
  int number = 0;
  for (const auto& name : *error.nodes()) {
    names->add(number, name, number == source ? error.source() : name);
    ++number;
  }
  return make_sample(*error.sample(), names);
}

}  // namespace

void bind_wall_time(nb::class_<PythonSample>& sample) {
  sample
      .def_prop_ro("utc", &get_utc, nb::sig("def utc(self, /) -> float | None"),
                   "Capture time as Unix time in seconds, by the clock named in `utc_from`; None if that is "
                   "\"none\".")
      .def_prop_ro(
          "utc_error", [](const PythonSample& self) { return double{self.sample().stamp.utc.error}; },
          "Uncertainty of `utc` in seconds (plus or minus), as stated by its clock; inf if unknown.")
      .def_prop_ro(
          "utc_from", &get_utc_from,
          nb::sig("def utc_from(self, /) -> "
                  "typing.Literal['none', 'arrival', 'file', 'device', 'camera', 'browser']"),
          "The clock of `utc`: the camera's own (\"camera\"), this machine's when the device (\"device\") or the "
          "browser (\"browser\") captured the image or when the packet arrived (\"arrival\"), the file's creation "
          "time plus pts (\"file\"), or \"none\".");
}

void bind_origin(nb::class_<PythonSample>& sample) {
  sample
      .def_prop_ro(
          "damaged", [](const PythonSample& self) { return self.sample().stamp.damaged; },
          "True if the frame from which the value was made is damaged, see Frame.damaged.")
      .def_prop_ro("source", &PythonSample::source, "Name of the source node.")
      .def_prop_ro("node", &PythonSample::node,
                   "Name of the node that emitted this sample. In a merge, it tells from which parent the "
                   "sample came.")
      .def_prop_ro(
          "members",
          [](nb::handle_t<PythonSample> self) { return nb::inst_ptr<PythonSample>(self)->members(self); },
          nb::sig("def members(self, /) -> tuple[Sample[typing.Any] | None, ...]"),
          "For a set of a join: the samples of the parents, in order, None where one is missing. `value` is "
          "the tuple of their values; everything else is taken from the first member. Otherwise ().")
      .def_prop_ro("path", &make_path, nb::sig("def path(self, /) -> str | None"),
                   "Path of the image file, for image sequences; None for other sources.")
      .def_prop_ro(
          "dropped", [](const PythonSample& self) { return self.sample().dropped; },
          "Samples dropped on this edge since the previous one.")
      .def_prop_ro(
          "age",
          [](const PythonSample& self) {
            const auto now = std::chrono::steady_clock::now();
            return std::chrono::duration<double>(now - self.sample().stamp.captured).count();
          },
          "Seconds since `captured`.")
      .def("__reduce__", &refuse_sample_pickle, "Raises OptionTypeError: a Sample cannot be pickled.")
      .def("__repr__", &sample_text);
}

void bind_sample(nb::module_& module) {
  bind_stamp(module);
  set_sample_maker(&failed_sample);
  static const PyType_Slot slots[] = {{Py_tp_traverse, reinterpret_cast<void*>(&PythonSample::traverse)},
                                      {Py_tp_clear, reinterpret_cast<void*>(&PythonSample::clear)},
                                      {Py_tp_getattro, reinterpret_cast<void*>(&get_sample_attribute)},
                                      {Py_am_await, reinterpret_cast<void*>(&refuse_await)},
                                      {0, nullptr}};
  module.attr("T_co") = nb::type_var("T_co", nb::arg("covariant") = true);
  nb::class_<PythonSample> sample(module, "Sample", nb::type_slots(slots), nb::is_generic(), nb::is_final(),
                                  nb::sig("class Sample(typing.Generic[T_co])"),
                                  "A value with its source, number and times, and the frame from which it "
                                  "was made.\n\nSamples are compared by identity. Readers return them and "
                                  "nodes receive them; programs do not create them.");
  refuse_construction(
      sample,
      "Sample cannot be called, because the engine makes the samples. Take one from a reader, "
      "or test a step with values: freshframe.testing.run_node(step, values)");
  // A plain C function, because a game calls this getter once per frame, with cold caches (see Note [Results
  // are used again]).
  sample.attr(value_getter.name) =
      nb::steal(PyDescr_NewGetSet(reinterpret_cast<PyTypeObject*>(sample.ptr()), &value_getter));
  sample
      .def_prop_ro(
          "frame",
          [](nb::handle_t<PythonSample> self) { return nb::inst_ptr<PythonSample>(self)->frame(self); },
          nb::sig("def frame(self, /) -> Frame"),
          "The frame from which the value was made. If the values are frames, it is the value itself.\n\n"
          "Raises:\n    StateError: The sample has no frame: its reader was created with frames=False, or "
          "its value was not made from a frame.")
      .def("__array__", &refuse_array, nb::arg("dtype") = nb::none(), nb::arg("copy") = nb::none(),
           nb::sig("def __array__(self, dtype: typing.Any = None, copy: bool | None = None) -> None"),
           "Raises TypeError: use ``sample.frame.bgr`` for the pixels.")
      .def_prop_ro(
          "seq", [](const PythonSample& self) { return self.sample().stamp.seq; },
          "Frame number at the source, from 0.")
      .def_prop_ro(
          "part", [](const PythonSample& self) { return self.sample().stamp.part; },
          "Index among the results that one node returned for the sample with this seq, from 0.")
      .def_prop_ro(
          "stamp", [](const PythonSample& self) { return PythonStamp{self.sample().stamp, self.names()}; },
          "The numbers, times and source of the sample, without its value and frame; for stamped(like=).")
      .def_prop_ro(
          "pts", [](const PythonSample& self) { return self.sample().stamp.pts; },
          "Presentation timestamp in seconds, in the source's own time.")
      .def_prop_ro(
          "captured", [](const PythonSample& self) { return seconds(self.sample().stamp.captured); },
          "Capture time as of time.monotonic(). docs/reference/time.md defines it for each source.");
  bind_wall_time(sample);
  bind_origin(sample);
}

}  // namespace freshframe::python
