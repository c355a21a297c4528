// Maps exceptions between C++ and Python. Python objects are only created with the GIL held.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/border/errors.hpp"

#include <cstring>
#include <filesystem>
#include <new>
#include <system_error>

#include "bindings/border/classes.hpp"
#include "bindings/border/path_name.hpp"
#include "bindings/border/text.hpp"
#include "core/utf8.hpp"

#include <nanobind/stl/vector.h>

namespace nb = nanobind;

namespace freshframe::python {

Classes& classes() noexcept {
  static Classes instance;
  return instance;
}

namespace {

// Set once, when the package is imported.
constinit SampleMaker sample_maker = nullptr;

// `type` is null after the package was unloaded, late in interpreter shutdown.
nb::object make(PyObject* type, const std::string& text) {
  return nb::handle(type != nullptr ? type : PyExc_RuntimeError)(python_text(text));
}

void raise(const nb::object& error) {
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error.ptr())), error.ptr());
}

void raise(PyObject* type, const std::exception& error) {
  raise(make(type, error.what()));
}

// None if the garbage collector has cleared it.
nb::object python_error(gil::Held& held, const gil::Ref& error) {
  PyObject* object = error.get(held);
  return object != nullptr ? nb::borrow(object) : nb::none();
}

void raise_python(gil::Held& held, const gil::Ref& error) {
  const auto object = python_error(held, error);
  if (object.is_none()) throw Error("the original exception has been collected");
  raise(object);
}

void raise_source_error(PyObject* type, const SourceError& error) {
  const auto object = make(type, error.what());
  object.attr("source") = python_text(error.source());
  object.attr("url") = python_text(error.url());
  if (error.code() != 0) object.attr("errno") = error.code();
  raise(object);
}

// Raises the subclass of OSError that Python's own file functions would raise; it is also a FreshframeError.
void raise_os_error(const std::filesystem::filesystem_error& error) {
  const auto path = python_path(error.path1().c_str());
  raise(nb::module_::import_("freshframe._errors").attr("file_error")(error.code().value(), path));
}

// The usual cause is that a thread could not be started, and the system's message does not mention threads.
std::string describe(const std::system_error& error) {
  if (error.code() != std::errc::resource_unavailable_try_again) return error.what();
  return std::string("the system cannot start another thread for this process (") + error.what() +
         "): end other programs or threads, or raise the limit (ulimit -u, or the pids limit of the "
         "container)";
}

void raise_system_error(const std::system_error& error) {
  const auto* const of_file = dynamic_cast<const std::filesystem::filesystem_error*>(&error);
  of_file != nullptr ? raise_os_error(*of_file) : raise(make(classes().freshframe_error, describe(error)));
}

nb::object make_cause(gil::Held& held, const std::exception_ptr& cause) {
  if (!cause) return nb::none();
  try {
    std::rethrow_exception(cause);
  } catch (const RaisedByPython& known) {
    return python_error(held, known.error());
  } catch (const SourceErrorByPython& known) {
    return python_error(held, known.error());
  } catch (const DeviceErrorByPython& known) {
    return python_error(held, known.error());
  } catch (const DeviceError& known) {
    return make(classes().device_error, known.what());
  } catch (const FramesHeldError& known) {
    return make(classes().frames_held, known.what());
  } catch (const OptionTypeError& known) {
    return make(classes().option_type_error, known.what());
  } catch (const std::exception& known) {
    return make(PyExc_RuntimeError, known.what());
  } catch (...) {  // never a forced unwind at finalisation, because the try block does not run Python
    return nb::none();
  }
}

nb::tuple make_batch(const NodeError& error) {
  nb::list batch;
  for (const auto& sample : error.batch()) batch.append(nb::make_tuple(sample.source, sample.seq));
  return nb::tuple(batch);
}

void raise_node_error(gil::Held& held, const NodeError& error) {
  const auto object = make(classes().node_error, error.what());
  object.attr("node") = error.node();
  if (error.seq() >= 0) object.attr("seq") = error.seq();
  if (!error.source().empty()) object.attr("source") = python_text(error.source());
  object.attr("batch") = make_batch(error);
  if (error.sample() && sample_maker != nullptr) object.attr("sample") = sample_maker(error);
  PyException_SetCause(object.ptr(), make_cause(held, error.cause()).release().ptr());
  raise(object);
}

// Raises the matching Python exception. Lets exceptions of unknown types pass.
void raise_known(gil::Held& held, const std::exception_ptr& pointer) {
  const auto& known = classes();
  try {
    std::rethrow_exception(pointer);
  } catch (const RaisedByPython& error) {
    raise_python(held, error.error());
  } catch (const SourceErrorByPython& error) {
    raise_python(held, error.error());
  } catch (const DeviceErrorByPython& error) {
    raise_python(held, error.error());
  } catch (const NodeError& error) {
    raise_node_error(held, error);
  } catch (const SourceTimeoutError& error) {
    raise_source_error(known.source_timeout, error);
  } catch (const SourceError& error) {
    raise_source_error(known.source_error, error);
  } catch (const StopTimeoutError& error) {
    const auto object = make(known.stop_timeout, error.what());
    object.attr("nodes") = error.nodes();
    raise(object);
  } catch (const GraphError& error) {
    raise(known.graph_error, error);
  } catch (const OptionError& error) {
    raise(known.option_error, error);
  } catch (const OptionTypeError& error) {
    raise(known.option_type_error, error);
  } catch (const StateError& error) {
    raise(known.state_error, error);
  } catch (const FramesHeldError& error) {
    raise(known.frames_held, error);
  } catch (const DeviceError& error) {
    raise(known.device_error, error);
  } catch (const EndOfStreamError& error) {
    raise(known.end_of_stream, error);
  } catch (const ReadTimeoutError& error) {
    raise(known.read_timeout, error);
  } catch (const StalledError& error) {
    raise(known.stalled, error);
  } catch (const Error& error) {
    raise(known.freshframe_error, error);
  } catch (const std::system_error& error) {
    raise_system_error(error);
  }
}

}  // namespace

namespace {

// Also accepts strings that are not valid Unicode, such as file names (PEP 383), using "backslashreplace".
// Empty for a null pointer or on error. Leaves no exception set.
std::string read_utf8(PyObject* text) {
  PyObject* const bytes =
      text != nullptr ? PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace") : nullptr;
  if (bytes == nullptr) {
    PyErr_Clear();
    return {};
  }
  const std::string_view said(PyBytes_AsString(bytes), static_cast<std::size_t>(PyBytes_Size(bytes)));
  std::string result;
  for (const char letter : said) {  // a C++ exception's message ends at a NUL
    if (letter == '\0') {
      result += "\\x00";
    } else {
      result += letter;
    }
  }
  Py_DECREF(bytes);
  return result;
}

}  // namespace

TakenError take_python_error(gil::Held& held) {
  PyObject* type = nullptr;
  PyObject* value = nullptr;
  PyObject* traceback = nullptr;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  if (traceback != nullptr) PyException_SetTraceback(value, traceback);
  const nb::object error = nb::steal(value);
  Py_XDECREF(type);
  Py_XDECREF(traceback);
  auto text = get_type_name(error.ptr());
  PyObject* message = PyObject_Str(error.ptr());
  if (const auto said = read_utf8(message); !said.empty()) text += ": " + said;
  Py_XDECREF(message);
  const auto object = std::make_shared<gil::Ref>(held, error.ptr());
  const auto is = [&](PyObject* known) {
    return known != nullptr && PyObject_IsInstance(error.ptr(), known) == 1;
  };
  if (is(classes().source_error))
    return {std::make_exception_ptr(SourceErrorByPython(object, text)), object, text};
  if (is(classes().device_error))
    return {std::make_exception_ptr(DeviceErrorByPython(object, text)), object, text};
  return {std::make_exception_ptr(RaisedByPython(object, text)), object, text};
}

// No nb::object in here: formatting reads files, so it may wait without the GIL (Note [No Python object lives
// across a wait]).
std::string traceback_text(gil::Held& held, const gil::Ref& error) {
  constexpr std::size_t kMost = 16384;
  PyObject* const module = PyImport_ImportModule("traceback");
  PyObject* const lines =
      module != nullptr ? PyObject_CallMethod(module, "format_exception", "O", error.get(held)) : nullptr;
  Py_XDECREF(module);
  PyObject* const nothing = lines != nullptr ? PyUnicode_FromString("") : nullptr;
  PyObject* const joined = nothing != nullptr ? PyUnicode_Join(nothing, lines) : nullptr;
  Py_XDECREF(nothing);
  Py_XDECREF(lines);
  std::string text = read_utf8(joined);
  Py_XDECREF(joined);
  while (text.ends_with('\n')) text.pop_back();
  if (text.size() > kMost) text = "...\n" + std::string(core::last_letters(text, kMost));
  return text;
}

std::string hint_text(gil::Held& held, const gil::Ref& error) {
  PyObject* const module = PyImport_ImportModule("freshframe._graph.hints");
  PyObject* const hint =
      module != nullptr ? PyObject_CallMethod(module, "hint", "O", error.get(held)) : nullptr;
  Py_XDECREF(module);
  std::string text = read_utf8(hint);
  Py_XDECREF(hint);
  return text;
}

void name_source(gil::Held& held, const gil::Ref& error, const std::string& source) {
  const nb::handle object = error.get(held);
  if (classes().source_error == nullptr) return;
  if (PyObject_IsInstance(object.ptr(), classes().source_error) != 1) return;
  const nb::object known = object.attr("source");
  if (nb::len(known) == 0) object.attr("source") = source;
}

namespace {

// Never throws, because exception handlers call it.
void set_error(PyObject* type, const std::exception& error) noexcept {
  PyObject* const text = new_text(error.what());
  if (text == nullptr) return;  // out of memory; that error is already set
  PyErr_SetObject(type, text);
  Py_DECREF(text);
}

PyObject* builtin_type(const nb::builtin_exception& error) {
  switch (error.type()) {
    case nb::exception_type::type_error:
      return PyExc_TypeError;
    case nb::exception_type::value_error:
      return PyExc_ValueError;
    default:
      return PyExc_RuntimeError;
  }
}

}  // namespace

void set_python_error(gil::Held& held, const std::exception_ptr& error) {
  try {
    raise_known(held, error);
  } catch (nb::python_error& known) {
    known.restore();
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const nb::builtin_exception& known) {
    set_error(builtin_type(known), known);
  } catch (const std::exception& known) {
    set_error(PyExc_RuntimeError, known);
  }
}

namespace {

void translate(gil::Held& held, const std::exception_ptr* error) {
  raise_known(held, *error);
}

constinit PyObject* explaining = nullptr;

// Returns null if the text is not about a call.
PyObject* explain_call(const char* text) {
  if (explaining == nullptr || std::strstr(text, "(): incompatible function arguments.") == nullptr)
    return nullptr;
  PyObject* const given = PyUnicode_DecodeUTF8(text, static_cast<Py_ssize_t>(std::strlen(text)), "replace");
  PyObject* const error =
      given != nullptr ? PyObject_CallFunctionObjArgs(explaining, given, nullptr) : nullptr;
  Py_XDECREF(given);
  if (error == nullptr && PyErr_ExceptionMatches(PyExc_Exception) != 0) PyErr_Clear();
  return error;
}

}  // namespace

void set_sample_maker(SampleMaker make) noexcept {
  sample_maker = make;
}

void register_exception_translator() {
  nb::register_exception_translator([](const std::exception_ptr& error, void* /*unused*/) {
    // nanobind calls this with the GIL held, and translates an exception that is rethrown.
    gil::entry<&translate>(&error);
  });
}

void explain_call_errors(PyObject* function) noexcept {
  PyObject* const before = explaining;
  Py_XINCREF(function);
  explaining = function;
  Py_XDECREF(before);
}

}  // namespace freshframe::python

// nanobind has no hook for its message. It sets the error by PyErr_SetString(), whose calls in this module
// the linker leads here: --wrap in src/bindings/CMakeLists.txt.
extern "C" void freshframe_set_error(PyObject* type, const char* text) asm("__wrap_PyErr_SetString");
extern "C" void freshframe_set_python_error(PyObject* type, const char* text) asm("__real_PyErr_SetString");

void freshframe_set_error(PyObject* type, const char* text) {
  const bool replaces = PyErr_Occurred() != nullptr;
  PyObject* const error = freshframe::python::explain_call(text);
  if (error == nullptr && !replaces && PyErr_Occurred() != nullptr) return;  // Ctrl-C
  if (error == nullptr) return freshframe_set_python_error(type, text);
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error)), error);
  Py_DECREF(error);
}
