// Private members cannot be looked into.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a class that cannot be looked into
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

class Job {
 public:
  explicit Job(int id) : id_(id) {}
  [[nodiscard]] int id() const { return id_; }

 private:
  int id_;
};

#ifdef FIXED
template <>
inline constexpr bool freshframe::gil::python_free<Job> = true;

#endif
void work(gil::Held& held, const Job& a) {
  gil::release(held, [](const Job& b) { (void)b; }, a);
}
