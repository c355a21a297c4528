# cython: language_level=3, freethreading_compatible=True
# The module fibonacci_cython: Cython's `with nogil`, which refuses Python objects when it is translated.
# SPDX-License-Identifier: Apache-2.0
from libc.stdint cimport uint64_t

# Not inline: beside the code that takes the GIL back, g++ 12 keeps the numbers in memory, at half the speed.
cdef extern from *:
    """
    #include "fibonacci.hpp"
    [[gnu::noinline]] static uint64_t number_of(uint64_t n) { return nth_fibonacci(n); }
    """
    uint64_t number_of(uint64_t n) nogil


def fibonacci(uint64_t n, bint release):
    """The n-th Fibonacci number modulo 2**64.

    GIL: held or released, as `release` says.
    """
    cdef uint64_t number
    if not release:
        return number_of(n)
    with nogil:
        number = number_of(n)
    return number
