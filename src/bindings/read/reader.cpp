// The Reader class. Calls that wait are plain C functions (see raw_call.hpp).
// SPDX-License-Identifier: Apache-2.0
#include "bindings/read/reader.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "bindings/border/attribute_hint.hpp"
#include "bindings/border/classes.hpp"
#include "bindings/border/python_free_types.hpp"
#include "bindings/border/raw_call.hpp"
#include "bindings/border/text.hpp"
#include "bindings/engine/engine.hpp"
#include "bindings/frame/format_use.hpp"
#include "bindings/parts.hpp"
#include "core/pipeline/changes/changes.hpp"
#include "core/pipeline/pipeline_core.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

namespace freshframe::python {

// Marks the reader as in use for the whole of a call: the core's own mark ends before the sample is kept
// here, and get() waits in slices. A signal handler or finalizer that runs during the call, on the same
// thread, may use the reader too.
class PythonReader::Use {
 public:
  explicit Use(const PythonReader& reader) : user_(reader.shared_->user) {
    const auto me = std::this_thread::get_id();
    std::thread::id user;
    is_first_ = user_.compare_exchange_strong(user, me, std::memory_order_acquire);
    if (is_first_ || user == me) return;
    throw StateError("reader '" + reader.name() +
                     "' is used by two threads at the same time: give each thread its own reader");
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use() {
    if (is_first_) user_.store({}, std::memory_order_release);
  }

 private:
  std::atomic<std::thread::id>& user_;
  bool is_first_ = false;
};

bool PythonReader::is_used_elsewhere() const noexcept {
  const auto user = shared_->user.load(std::memory_order_acquire);
  return user != std::thread::id() && user != std::this_thread::get_id();
}

PythonReader::~PythonReader() {
  if (!core_ || guard_.has_forked()) return;
  core_->close();
  core_.reset();
  gil::entry<&drain_deferred>();  // Python objects are destroyed with the GIL held
}

nb::object PythonReader::keep(core::Handed handed) {
  FormatUse::next(taker_);
  const auto order = handed.order;
  {
    const nb::ft_lock_guard lock(shared_->last);
    if (order > shared_->order && PythonSample::renew(last_, handed.sample, names_)) {
      shared_->order = order;
      return last_;
    }
  }
  auto made = make_sample(std::move(handed.sample), names_);
  nb::object before = made;  // released without the mutex, because it may run user code
  const nb::ft_lock_guard lock(shared_->last);
  if (order < shared_->order) return made;
  shared_->order = order;
  std::swap(last_, before);
  return made;
}

nb::object PythonReader::last() const {
  const nb::ft_lock_guard lock(shared_->last);
  return last_.is_valid() ? last_ : nb::none();
}

nb::object PythonReader::latest(gil::Held& held, std::optional<double> max_age) {
  guard_.check("this reader");
  gil::DeferredFree::instance().drain(held);
  nb::object newest;
  if (is_used_elsewhere()) {  // also true between two slices of a get(), which takes samples
    core_->check_latest();
  } else if (auto handed = core_->take_newest()) {
    newest = keep(*std::move(handed));
  }
  if (!newest.is_valid()) newest = last();
  if (!max_age || newest.is_none()) return newest;
  const auto& sample = nb::inst_ptr<PythonSample>(newest)->sample();
  return core_->is_older(sample, Seconds(*max_age)) ? nb::none() : newest;
}

nb::object PythonReader::poll(gil::Held& held) {
  guard_.check("this reader");
  const Use in_use(*this);
  gil::DeferredFree::instance().drain(held);
  if (auto handed = core_->poll()) return keep(*std::move(handed));
  return nb::none();
}

PyObject* PythonReader::hand_out(std::optional<core::Handed> handed) {
  return (handed ? keep(*std::move(handed)) : nb::none()).release().ptr();
}

PyObject* PythonReader::wait(gil::Held& held, double timeout, FormatUse use) {
  guard_.check("this reader");
  const Use in_use(*this);
  gil::DeferredFree::instance().drain(held);
  if (timeout <= 0) return hand_out(core_->wait_until(TimePoint::min()));
  const auto deadline = core_->clock().now() + to_duration(Seconds(timeout));
  return hand_out(gil::release(
      held,
      [](core::ReaderCore* core, TimePoint until, FormatUse ahead) {
        auto handed = core->wait_until(until);
        if (handed) ahead.make(handed->sample);
        return handed;
      },
      core_.get(), deadline, use));
}

PyObject* PythonReader::get(gil::Held& held, std::optional<double> timeout) {
  guard_.check("this reader");
  const Use in_use(*this);
  const auto began = core_->clock().now();
  const auto use = FormatUse::next(taker_);
  for (double slice = 0;; slice = kSignalSlice) {
    if (timeout) {
      const auto left = *timeout - Seconds(core_->clock().now() - began).count();
      slice = std::clamp(left, 0.0, slice);
    }
    PyObject* sample = wait(held, slice, use);
    if (sample != Py_None) return sample;
    Py_DECREF(sample);
    core_->inbox().arm(true);  // a NEXT queue also delivers its sample between two slices
    if (PyErr_CheckSignals() != 0) {
      core_->inbox().arm(false);
      stop_after_interrupt(held);
      return nullptr;
    }
    if (timeout && Seconds(core_->clock().now() - began).count() >= *timeout) {
      sample = wait(held, 0);
      if (sample != Py_None) return sample;
      Py_DECREF(sample);
      core_->time_out(*timeout);
    }
    if (slice > 0) core_->check_stalled();
  }
}

// Ctrl-C stops the pipeline, then raises KeyboardInterrupt. Other exceptions of signal handlers propagate.
void PythonReader::stop_after_interrupt(gil::Held& held) {
  if (PyErr_ExceptionMatches(PyExc_KeyboardInterrupt) == 0) return;
  static constexpr double kLimit = 5;  // seconds, as Pipeline.stop()
  auto* core = &nb::inst_ptr<Engine>(engine_.ptr())->core();
  gil::release(
      held,
      [](core::PipelineCore* target) {
        target->request_stop();
        target->join(Seconds(kLimit));
      },
      core);
}

void PythonReader::close() {
  if (guard_.has_forked()) return;
  core::close_reader(*core_);
  nb::object before;  // released without the mutex, as in keep()
  const nb::ft_lock_guard lock(shared_->last);
  std::swap(last_, before);
}

int PythonReader::wake_fd() {
  guard_.check("this reader");
  const Use in_use(*this);
  if (!wake_up_) {
    wake_up_ = std::make_shared<platform::WakeUp>();
    core_->inbox().set_ready_hook([wake = wake_up_] { wake->set(); });
    wake_up_->set();  // for samples that arrived before the hook was set
  }
  return wake_up_->fd();
}

void PythonReader::reset_wake() {
  guard_.check("this reader");  // a child's read would consume the parent's wake-up
  wake_up_->reset();
}
void PythonReader::check_stalled() {
  guard_.check("this reader");
  core_->check_stalled();
}
void PythonReader::arm(bool waits) {
  guard_.check("this reader");
  core_->inbox().arm(waits);
}

int PythonReader::traverse(PyObject* self, visitproc visit, void* arg) noexcept {
  Py_VISIT(Py_TYPE(self));
  if (!nb::inst_ready(self)) return 0;
  Py_VISIT(nb::inst_ptr<PythonReader>(self)->last_.ptr());
  Py_VISIT(nb::inst_ptr<PythonReader>(self)->engine_.ptr());
  return 0;
}

int PythonReader::clear(PyObject* self) noexcept {
  const nb::object last = std::move(nb::inst_ptr<PythonReader>(self)->last_);
  const nb::object engine = std::move(nb::inst_ptr<PythonReader>(self)->engine_);
  return 0;
}

namespace {

PythonReader& get_reader(PyObject* self) {
  if (!nb::inst_ready(self)) throw nb::type_error("this Reader was not made by Pipeline.reader()");
  return *nb::inst_ptr<PythonReader>(self);
}

// Accepts None or seconds >= 0. Rejects anything else.
std::optional<double> parse_seconds(const char* what, PyObject* object) {
  if (object == nullptr || object == Py_None) return std::nullopt;
  const double seconds = PyBool_Check(object) != 0 ? -1.0 : PyFloat_AsDouble(object);
  if (PyBool_Check(object) != 0 || (seconds == -1.0 && PyErr_Occurred() != nullptr)) {
    PyErr_Clear();
    throw OptionTypeError(std::string(what) + " must be a number of seconds or None, got " +
                          describe_object(object));
  }
  if (std::isnan(seconds) || seconds < 0)
    throw OptionError(std::string(what) + " must be at least 0 seconds or None, got " +
                      describe_object(object));
  return seconds;
}

PyObject* get(gil::Held& held, PyObject* self, PyObject* args, PyObject* kwargs) {
  static const char* names[] = {"timeout", nullptr};
  PyObject* timeout = nullptr;
  if (PyArg_ParseTupleAndKeywords(args, kwargs, "|O:get", const_cast<char**>(names), &timeout) == 0) {
    PyErr_SetString(PyExc_TypeError,
                    "get() takes one argument, the seconds to wait for a sample: get(timeout=2)");
    return nullptr;
  }
  return raw_call(held, [&] { return get_reader(self).get(held, parse_seconds("timeout", timeout)); });
}

PyObject* next(gil::Held& held, PyObject* self) {
  PyObject* sample = raw_call(held, [&] { return get_reader(self).get(held, std::nullopt); });
  if (sample == nullptr && PyErr_ExceptionMatches(classes().end_of_stream) != 0) PyErr_Clear();
  return sample;
}

PyObject* poll(gil::Held& held, PyObject* self, PyObject* const* /*given*/, Py_ssize_t count,
               PyObject* names) {
  if (count > 0 || names != nullptr) {
    PyErr_SetString(PyExc_TypeError,
                    "poll() never waits and has no arguments: get(timeout=2) waits for the next sample");
    return nullptr;
  }
  return raw_call(held, [&] { return get_reader(self).poll(held).release().ptr(); });
}

// For the event loop. Never waits. Unlike poll(), also works for edges with a NEXT queue.
PyObject* take(gil::Held& held, PyObject* self, PyObject* /*unused*/) {
  return raw_call(held, [&] { return get_reader(self).wait(held, 0); });
}

bool is_only_max_age(PyObject* names) {
  return PyTuple_Size(names) == 1 &&
         PyUnicode_CompareWithASCIIString(PyTuple_GetItem(names, 0), "max_age") == 0;
}

PyObject* latest(gil::Held& held, PyObject* self, PyObject* const* given, Py_ssize_t count, PyObject* names) {
  if (count > 0 || (names != nullptr && !is_only_max_age(names))) {
    PyErr_SetString(
        PyExc_TypeError,
        "latest() never waits and takes max_age by name, latest(max_age=0.1): get(timeout=2) waits "
        "for the next sample");
    return nullptr;
  }
  PyObject* const max_age = names == nullptr ? nullptr : given[0];
  return raw_call(
      held, [&] { return get_reader(self).latest(held, parse_seconds("max_age", max_age)).release().ptr(); });
}

PythonReader add_reader(Engine& self, const Parents& parents, const EdgeOptions& edge,
                        const std::string& name, bool frames, std::optional<Join> join) {
  const ReaderOptions options{
      .name = name, .queue = edge.queue, .frames = frames, .join = join, .max_rate = edge.max_rate};
  return {core::add_reader(self.core(), any_ports(parents), options), self.names(), nb::find(self)};
}

constexpr const char* kCalls =
    "A reader has get() for the next sample and latest() for the newest, and a loop takes all";

constexpr AttributeHint kReaderHints[] = {
    {"read", kCalls},
    {"next", kCalls},
    {"pop", kCalls},
    {"recv", kCalls},
    {"retrieve", kCalls},
    {"grab", kCalls},
    {"get_nowait", "poll() returns the next sample, or None if there is none yet"},
};

PyObject* get_reader_attribute(PyObject* self, PyObject* name) {
  return attribute_or_hint(self, name, kReaderHints);
}

enum class LoopKind : std::uint8_t { For, AsyncFor };

/// Logs a warning about a loop that is empty or blocks an event loop. A program that has removed freshframe
/// from sys.modules keeps its readers without it.
void check_loop(PythonReader& reader, LoopKind loop) {
  constexpr const char* kModule = "freshframe._pipeline.unstarted";  // every pipeline has imported it
  const nb::dict modules(nb::module_::import_("sys").attr("modules"));
  if (!modules.contains(kModule)) return;
  const nb::object module = modules[kModule];
  if (const auto why = reader.explain_empty_loop()) {
    module.attr("warn_empty_loop")(nb::str(why->c_str(), why->size()));
  } else if (loop == LoopKind::For) {
    module.attr("warn_of_blocking_loop")("a reader");
  }
}

PyObject* iterate(gil::Held& held, PyObject* self) {
  return raw_call(held, [&] {
    check_loop(get_reader(self), LoopKind::For);
    return Py_NewRef(self);
  });
}

PyMethodDef* reader_methods() {
  static PyMethodDef methods[] = {
      {"get", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(gil::entry<&get>)),
       METH_VARARGS | METH_KEYWORDS,
       "get($self, timeout=None)\n--\n\nWaits for the next unseen sample.\n\nArgs:\n    timeout: Seconds to "
       "wait; None waits until the stream ends.\nReturns:\n    The sample; ``sample.dropped`` is the number "
       "of samples dropped on this edge since the last one.\nRaises:\n    EndOfStreamError: Every parent has "
       "ended and the queue is empty.\n    ReadTimeoutError: No sample arrived in time. The reader stays "
       "usable.\n    NodeError: A node failed; ``__cause__`` is its exception.\n    StalledError: The "
       "pipeline is stuck because nobody reads from another reader, whose queue blocks.\nGIL: released while "
       "waiting."},
      {"_take", gil::entry<&take>, METH_NOARGS,
       "_take($self)\n--\n\nReturns the next sample, or None, for `async for`. Never waits."},
      {"poll", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(gil::entry<&poll>)),
       METH_FASTCALL | METH_KEYWORDS,
       "poll($self)\n--\n\nReturns the next unseen sample, or None if there is none yet. Never waits.\n\n"
       "Raises:\n    EndOfStreamError: Every parent has ended and the queue is empty.\n    NodeError: A node "
       "failed.\n    FramesHeldError: Python holds more frames than max_held_bytes."},
      {"latest", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(gil::entry<&latest>)),
       METH_FASTCALL | METH_KEYWORDS,
       "latest($self, *, max_age=None)\n--\n\nReturns the newest sample of all ports, by capture time; the "
       "same object again if there is no newer one.\n\nNever waits. Thread-safe. Older samples in the queue "
       "are dropped as ``skipped``. After the end it returns the last sample.\n\nArgs:\n    max_age: Maximum "
       "age in seconds; an older sample is not returned, but stays the latest.\nReturns:\n    The sample. "
       "None before the first one, and if the latest is older than ``max_age``.\nRaises:\n    GraphError: "
       "The reader's queue blocks (a file) or is NEXT.\n    NodeError: A node failed.\n    StateError: The "
       "reader was closed, or its pipeline has not started.\n    FramesHeldError: Python holds more frames "
       "than max_held_bytes."},
      {nullptr, nullptr, 0, nullptr}};
  return methods;
}

nb::class_<PythonReader> make_reader_class(nb::module_& module) {
  static const PyType_Slot slots[] = {{Py_tp_traverse, reinterpret_cast<void*>(&PythonReader::traverse)},
                                      {Py_tp_clear, reinterpret_cast<void*>(&PythonReader::clear)},
                                      {Py_tp_iter, reinterpret_cast<void*>(gil::entry<&iterate>)},
                                      {Py_tp_getattro, reinterpret_cast<void*>(&get_reader_attribute)},
                                      {Py_tp_iternext, reinterpret_cast<void*>(gil::entry<&next>)},
                                      {0, nullptr}};
  nb::class_<PythonReader> reader(
      module, "Reader", nb::type_slots(slots), nb::is_generic(), nb::is_final(), nb::is_weak_referenceable(),
      nb::sig("class Reader(typing.Generic[T_co])"),
      "Pulls samples from one or more nodes; created by Pipeline.reader().\n\nIf a node has failed, every "
      "method raises its NodeError instead of returning stale data. One thread at a time may call get() or "
      "poll(), or iterate; latest() and close() are thread-safe. ``with reader:`` closes the reader at the "
      "end of the block.");
  refuse_construction(reader, "Reader cannot be called. Make a reader with pipeline.reader(port)");
  // Py_tp_methods cannot be used, because nanobind uses that slot for generic classes.
  for (PyMethodDef* method = reader_methods(); method->ml_name != nullptr; ++method) {
    auto* const type = reinterpret_cast<PyTypeObject*>(reader.ptr());
    reader.attr(method->ml_name) = nb::steal(PyDescr_NewMethod(type, method));
  }
  return reader;
}

}  // namespace

void bind_reader(nb::module_& module, nb::class_<Engine>& engine) {
  engine.def("reader", &add_reader, nb::lock_self(), nb::arg("parents"), nb::arg("edge"), nb::arg("name"),
             nb::arg("frames"), nb::arg("join").none(), "Adds a reader.");
  make_reader_class(module)
      .def_prop_ro("ended", &PythonReader::has_ended,
                   "True once every parent has ended and the queue is empty.")
      .def_prop_ro("name", &PythonReader::name, "The reader's name in stats and messages.")
      .def(
          "__repr__", [](const PythonReader& self) { return "<Reader '" + self.name() + "'>"; },
          "Shows the name.")
      .def(
          "close", &PythonReader::close,
          "Removes the reader from the graph, so that its name may be reused. Thread-safe and idempotent.\n\n"
          "Queued samples are dropped as ``removed`` and counted in ``stats().removed``. A loop or get() "
          "that is waiting on another thread ends.")
      .def(
          "__enter__", [](nb::object self) { return self; }, nb::sig("def __enter__(self) -> Reader[T_co]"),
          "Returns the reader.")
      .def(
          "__exit__", [](PythonReader& self, const nb::args& /*error*/) { self.close(); },
          nb::sig("def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: "
                  "types.TracebackType | None) -> None"),
          "Closes the reader.")
      .def(
          "__aiter__",
          [](nb::object self) {
            check_loop(get_reader(self.ptr()), LoopKind::AsyncFor);
            return nb::handle(classes().reader_iterator)(self);
          },
          nb::sig("def __aiter__(self) -> typing.AsyncIterator[Sample[T_co]]"),
          "Iterates over the samples until the end of the stream. One wake-up of the event loop serves any "
          "number of samples.")
      .def("_wake_fd", &PythonReader::wake_fd,
           "A file descriptor that becomes readable to wake the event loop.")
      .def("_reset_wake", &PythonReader::reset_wake,
           "Must be called before _take(), so that later samples wake the event loop again.")
      .def("_look_within", &PythonReader::look_within,
           "Seconds after which _take() may return a partial set although nothing wakes the event loop; None "
           "if there is no such set.")
      .def("_check_stalled", &PythonReader::check_stalled,
           "Raises StalledError if waiting longer cannot succeed.")
      .def("_arm", &PythonReader::arm, nb::arg("waits"),
           "Enables wake-ups before the event loop waits, and disables them after.");
}

}  // namespace freshframe::python
