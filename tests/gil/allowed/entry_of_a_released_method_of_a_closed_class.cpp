// The twin of ../refused/entry_of_a_released_method_of_a_closed_class.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

class Job {
 public:
  int number(gil::Released& /*released*/) { return id_; }

 private:
  int id_ = 0;
};

template <>
inline constexpr bool freshframe::gil::python_free<Job> = true;

auto bound = gil::entry<&Job::number>;
