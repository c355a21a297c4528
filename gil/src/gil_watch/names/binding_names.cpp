// Prefixes, found by reading the libraries and the call chains of extensions that are built with them.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/names/binding_names.hpp"

#include <algorithm>
#include <array>

namespace freshframe::gil {
namespace {

// Calls `visit(index)` for each character outside of brackets, until it returns true.
void outside_brackets(std::string_view text, auto&& visit) {
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool arrow = text[i] == '>' && i > 0 && text[i - 1] == '-';
    if (depth == 0 && visit(i)) return;
    if (text[i] == '<' || text[i] == '(' || text[i] == '{') ++depth;
    if ((text[i] == '>' && !arrow) || text[i] == ')' || text[i] == '}') --depth;
  }
}

// Strips the signature of a C++ function: "void boost::python::f<x>(int)" -> "boost::python::f<x>".
std::string_view without_type(std::string_view symbol) {
  std::size_t begin = 0;
  std::size_t end = symbol.size();
  outside_brackets(symbol, [&](std::size_t at) {
    if (symbol[at] == ' ' && symbol.substr(0, at) != "operator") begin = at + 1;
    if (symbol[at] == '(' && at > 0 && !symbol.substr(at).starts_with("(anonymous namespace)")) end = at;
    return end != symbol.size();
  });
  return symbol.substr(std::min(begin, end), end - std::min(begin, end));
}

// Cython's helpers for calling Python objects, and the inner functions of decorators written in Cython, which
// are conventionally named "wrapper" and call the decorated function through the dispatchers.
bool is_cython_glue(std::string_view symbol) {
  static constexpr std::array<std::string_view, 6> kPrefixes{"__Pyx_CyFunction_", "__Pyx_PyVectorcall_",
                                                             "__Pyx_PyFunction_", "__Pyx_PyCFunction_",
                                                             "__Pyx_Coroutine_",  "__Pyx_Generator_"};
  if (starts_with_any(symbol, kPrefixes)) return true;
  if (symbol.starts_with("__Pyx_") && symbol.find("Call") != std::string_view::npos) return true;
  return (symbol.starts_with("__pyx_pw_") || symbol.starts_with("__pyx_pf_")) && symbol.ends_with("wrapper");
}

constexpr std::string_view kMethod = "__pymethod_";
constexpr std::string_view kFunction = "__pyfunction_";

}  // namespace

bool is_glue(std::string_view symbol) {
  static constexpr std::array<std::string_view, 12> kPrefixes{
      "nanobind::", "nb_func_",         "nb_method_",   "nb_bound_method_", "pybind11::",   "boost::python::",
      "pyo3::",     "std::panicking::", "SWIG_Python_", "SwigPy",           "fortran_call", "Shiboken::"};
  static constexpr std::array<std::string_view, 3> kParts{
      "nanobind::detail::func_create", "pybind11::cpp_function::", "freshframe::gil::detail::"};
  return starts_with_any(without_type(symbol), kPrefixes) || is_cython_glue(symbol) ||
         std::ranges::any_of(kParts, [&](std::string_view part) { return symbol.find(part) != symbol.npos; });
}

bool is_last_glue(std::string_view symbol) {
  return symbol.starts_with("boost::python::objects::function::call(");
}

std::string plain_name(std::string_view symbol) {
  std::size_t last = 0;  // index after the last "::" outside of brackets
  outside_brackets(symbol, [&](std::size_t at) {
    if (symbol.substr(at).starts_with("::")) last = at + 2;
    return false;
  });
  std::string_view name = symbol.substr(last);
  if (name.starts_with(kFunction)) return std::string(name.substr(kFunction.size()));
  if (!name.starts_with(kMethod) || !name.ends_with("__") || last < 2) return std::string(symbol);
  name = name.substr(kMethod.size(), name.size() - kMethod.size() - 2);
  // The type before the function's name: "<aead::AesGcm>" or "aead::AesGcm". Omitted for a trait
  // implementation.
  std::string_view type = symbol.substr(0, last - 2);
  if (type.starts_with('<') && type.ends_with('>')) type = type.substr(1, type.size() - 2);
  std::size_t begin = 0;
  std::size_t end = type.size();
  outside_brackets(type, [&](std::size_t at) {
    if (type.substr(at).starts_with("::")) begin = at + 2;
    if (type[at] == '<' || type[at] == ' ') end = std::min(end, at);
    return false;
  });
  if (name.empty() || end <= begin || end != type.size()) return std::string(symbol);
  return std::string(type.substr(begin, end - begin)) + "." + std::string(name);
}

}  // namespace freshframe::gil
