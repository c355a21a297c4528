// A method without the GIL of a class that may hold anything.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a class that cannot be looked into
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

class Job {
 public:
  int number(gil::Released& /*released*/) { return id_; }

 private:
  int id_ = 0;
};

#ifdef FIXED
template <>
inline constexpr bool freshframe::gil::python_free<Job> = true;

#endif
auto bound = gil::entry<&Job::number>;
