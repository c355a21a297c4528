//! Releases the GIL twice: refused by the compiler. See it: `cargo check --features double_release`.
// SPDX-License-Identifier: Apache-2.0

use pyo3::prelude::*;

// EXPECT: `*mut pyo3::Python<'static>` cannot be shared between threads safely
pub fn double_release(py: Python<'_>) {
    py.detach(|| double_release(py));
}
