// Mistakes with tokens: they are neither made, copied nor kept.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <bit>
#include <functional>
#include <new>
#include <optional>
#include <tuple>
#include <utility>

namespace gil = freshframe::gil;

// case address_of_a_token: A token's address.
// expect: deleted
#ifdef FIXED
void keep(gil::Held& held, PyObject* object) {
  static gil::Ref kept(held, object);
  (void)kept;
}
#else
void keep(gil::Held& held) {
  static gil::Held* kept = &held;
  (void)kept;
}
#endif

// case assign_a_token: A token is assigned.
// expect: deleted
#ifdef FIXED
void work(gil::Held& held, int& other) {
  other = gil::release(held, [] { return 1; });
}
#else
void work(gil::Held& held, gil::Held& other) {
  other = held;
}
#endif

// case bit_cast_a_token: A token out of bits.
// expect: bit_cast
#ifdef FIXED
void work(char (&bits)[sizeof(int)]) {
  (void)std::bit_cast<int>(bits);
}
#else
void work(char (&bits)[sizeof(gil::Held)]) {
  (void)std::bit_cast<gil::Held>(bits);
}
#endif

// case capture_a_token_by_value: A closure with a token in it.
// expect: deleted
#ifdef FIXED
auto keep(gil::Held& held, PyObject* object) {
  return [ref = gil::Ref(held, object)] { (void)ref; };
}
#else
auto keep(gil::Held& held) {
  return [held] { (void)held; };
}
#endif

// case copy_a_token: A copy of a token.
// expect: deleted
void work(gil::Held& held) {
#ifdef FIXED
  gil::Held& same = held;
  (void)same;
#else
  gil::Held copy = held;
  (void)copy;
#endif
}

// case inherit_from_a_token: A class that is a token.
// expect: final
#ifdef FIXED
class Mine {};
#else
class Mine : public gil::Held {};
#endif

// case make_a_released_token: A Released token out of nothing.
// expect: deleted | private
#ifdef FIXED
void work(gil::Released& released) {
  gil::acquire(released, [](gil::Held&) {});
}
#else
void work() {
  gil::Released released;
  gil::acquire(released, [](gil::Held&) {});
}
#endif

// case make_a_token: A token out of nothing.
// expect: deleted | private
#ifdef FIXED
void work(gil::Held& held) {
  gil::release(held, [] {});
}
#else
void work() {
  gil::Held held;
  gil::release(held, [] {});
}
#endif

// case make_a_token_in_place: A token in a buffer.
// expect: deleted | private
#ifdef FIXED
void work(gil::Held& held) {
  gil::release(held, [] {});
}
#else
void work(char* buffer) {
  ::new (buffer) gil::Held;
}
#endif

// case make_a_token_with_braces: A token out of empty braces.
// expect: deleted | private
#ifdef FIXED
void work(gil::Held& held) {
  gil::release(held, [] {});
}
#else
void work() {
  gil::Held held{};
  gil::release(held, [] {});
}
#endif

// case make_a_token_with_new: A token on the heap.
// expect: deleted | private
#ifdef FIXED
void work(gil::Held& held) {
  gil::release(held, [] {});
}
#else
gil::Held* make() {
  return new gil::Held;
}
#endif

// case move_a_token: A token is moved away.
// expect: deleted
void work(gil::Held& held) {
#ifdef FIXED
  gil::Held& same = held;
  (void)same;
#else
  gil::Held moved = std::move(held);
  (void)moved;
#endif
}

// case pass_optional_token: A token by way of an optional reference.
// expect: gil::release: an argument is or holds a GIL token
#ifdef FIXED
void work(gil::Held& held, const std::optional<std::reference_wrapper<double>>& a) {
  gil::release(held, [](const std::optional<std::reference_wrapper<double>>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::optional<std::reference_wrapper<gil::Released>>& a) {
  gil::release(held, [](const std::optional<std::reference_wrapper<gil::Released>>& b) { (void)b; }, a);
}
#endif

// case pass_reference_wrapper_to_token: A token by way of std::ref.
// expect: gil::release: an argument is or holds a GIL token
#ifdef FIXED
void work(gil::Held& held, const std::reference_wrapper<double>& a) {
  gil::release(held, [](const std::reference_wrapper<double>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::reference_wrapper<gil::Held>& a) {
  gil::release(held, [](const std::reference_wrapper<gil::Held>& b) { (void)b; }, a);
}
#endif

// case pass_struct_with_token: A struct that refers to a token.
// expect: gil::release: an argument is or holds a class that cannot be looked into
struct Scope {
  int depth;
#ifdef FIXED
  double* values;
#else
  gil::Held& held;
#endif
};

void work(gil::Held& held, const Scope& a) {
  gil::release(held, [](const Scope& b) { (void)b; }, a);
}

// case pass_token_pointer: A token by its address.
// expect: gil::release: an argument is or holds a GIL token
#ifdef FIXED
void work(gil::Held& held, double* a) {
  gil::release(held, [](double* b) { (void)b; }, a);
}
#else
void work(gil::Held& held, gil::Held* a) {
  gil::release(held, [](gil::Held* b) { (void)b; }, a);
}
#endif

// case pass_tuple_of_tokens: Tokens by way of a tuple of references.
// expect: gil::release: an argument is or holds a GIL token
#ifdef FIXED
void work(gil::Held& held, const std::tuple<double&, int>& a) {
  gil::release(held, [](const std::tuple<double&, int>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::tuple<gil::Held&, int>& a) {
  gil::release(held, [](const std::tuple<gil::Held&, int>& b) { (void)b; }, a);
}
#endif

// case release_with_a_captured_token: The token of the outer scope, captured.
// expect: gil::release: the function captures something
void work(gil::Held& held) {
#ifdef FIXED
  gil::release(held, [] {});
  gil::release(held, [] {});
#else
  gil::release(held, [&held] { gil::release(held, [] {}); });
#endif
}

// case release_with_a_const_token: A const token lets nothing go.
// expect: gil::release: needs this scope's token as gil::Held&, not const
#ifdef FIXED
void work(gil::Held& held) {
  gil::release(held, [] {});
}
#else
void work(const gil::Held& held) {
  gil::release(held, [] {});
}
#endif

// case release_with_a_passed_token: The token of the outer scope, passed along.
// expect: gil::release: an argument is or holds a GIL token
void work(gil::Held& held) {
#ifdef FIXED
  gil::release(held, [](int) {}, 1);
#else
  gil::release(held, [](gil::Held& outer) { gil::release(outer, [] {}); }, held);
#endif
}

// case release_with_the_outer_token: The token of the outer scope, used without a capture.
// expect: not captured | cannot be implicitly captured
void work(gil::Held& held) {
#ifdef FIXED
  gil::release(held, [](gil::Released& released) {
    gil::acquire(released, [](gil::Held& inner) { gil::release(inner, [] {}); });
  });
#else
  gil::release(held, [] { gil::release(held, [] {}); });
#endif
}

// case return_a_token: A token comes out of its released scope.
// expect: gil::release: the result is or holds a GIL token
void work(gil::Held& held) {
#ifdef FIXED
  gil::release(held, [](gil::Released& released) -> void { gil::acquire(released, [](gil::Held&) {}); });
#else
  gil::release(held, [](gil::Released& released) -> gil::Released& { return released; });
#endif
}

// case return_a_token_by_value: A function that hands out a token.
// expect: deleted
#ifdef FIXED
gil::Held& same(gil::Held& held) {
  return held;
}
#else
gil::Held steal(gil::Held& held) {
  return held;
}
#endif

// case return_a_token_from_acquire: A token comes out of acquire().
// expect: gil::acquire: the result is or holds a GIL token
void work(gil::Released& released) {
#ifdef FIXED
  gil::acquire(released, [](gil::Held& held) { gil::release(held, [] {}); });
#else
  gil::acquire(released, [](gil::Held& held) -> gil::Held& { return held; });
#endif
}

// case return_a_token_from_entry: A bound function returns its token.
// expect: gil::entry: the function returns a token
#ifdef FIXED
int work(gil::Held& /*held*/) {
  return 1;
}
#else
gil::Held& work(gil::Held& held) {
  return held;
}
#endif

auto bound = gil::entry<&work>;

// case return_a_token_from_native_thread: A token comes out of native_thread().
// expect: gil::native_thread: the result is or holds a GIL token
void work() {
#ifdef FIXED
  gil::native_thread([](gil::Released& released) { gil::acquire(released, [](gil::Held&) {}); });
#else
  gil::native_thread([](gil::Released& released) -> gil::Released& { return released; });
#endif
}

// case store_a_token_in_a_struct: A struct with a token in it.
// expect: deleted
#ifdef FIXED
struct Scope {
  gil::Ref ref;
};

Scope make(gil::Held& held, PyObject* object) {
  return Scope{gil::Ref(held, object)};
}
#else
struct Scope {
  gil::Held held;
};

Scope make(gil::Held& held) {
  return Scope{held};
}
#endif

// case touch_a_ref_without_a_token: A Python object is touched by who has no token.
// expect: gil::Ref::get: a Python object can be touched only with the gil::Held token
#ifdef FIXED
PyObject* look(gil::Held& held, const gil::Ref& ref) {
  return ref.get(held);
}
#else
PyObject* look(const gil::Ref& ref) {
  return ref.get();
}
#endif
