//! Fibonacci with the GIL held or released, by PyO3: the twin of examples/fibonacci.
// SPDX-License-Identifier: Apache-2.0

use pyo3::prelude::*;

#[cfg(feature = "double_release")]
mod double_release;

/// The `n`-th Fibonacci number modulo 2^64. The loop is there to keep a processor busy.
fn nth(n: u64) -> u64 {
    let (mut a, mut b) = (0_u64, 1_u64);
    for _ in 0..n {
        (a, b) = (b, a.wrapping_add(b));
    }
    a
}

/// The n-th Fibonacci number modulo 2**64, n in [0, 2**64).
///
/// Args:
///     n: Its number; fibonacci(0) is 0.
///     release: Let other threads have the GIL meanwhile.
///
/// GIL: held or released, as `release` says.
#[pyfunction]
fn fibonacci(py: Python<'_>, n: u64, release: bool) -> u64 {
    if release {
        py.detach(|| nth(n))
    } else {
        nth(n)
    }
}

/// Attaches twice, which does no harm, and returns True.
///
/// GIL: held.
#[pyfunction]
fn double_acquire() -> bool {
    Python::attach(|_| Python::attach(|_| true))
}

/// Fibonacci with the GIL held or released.
#[pymodule]
mod fibonacci_pyo3 {
    #[pymodule_export]
    use super::{double_acquire, fibonacci};
}
