// Limits the sanitizers to this project's code, because other libraries were built without them.
// SPDX-License-Identifier: Apache-2.0
#if defined(__SANITIZE_THREAD__)

// FFmpeg's threads hand memory over through atomics that the sanitizer cannot see in FFmpeg, so it reports a
// race for each buffer that one thread allocates and another frees. libx265 does the same.
//
// While Cairo makes a scaled font of its built-in font, it acquires the mutex of a placeholder while it holds
// that of the font map, and at the end it does so in the opposite order. A waiting thread has released the
// font map's mutex (_cairo_scaled_font_placeholder_wait_for_creation_to_finish), so this order cannot cause a
// deadlock.
// NOLINTNEXTLINE(bugprone-reserved-identifier): TSan's name
extern "C" [[gnu::visibility("default"), gnu::used]] const char* __tsan_default_suppressions() {
  return "race:libavutil.so\n"
         "race:libavcodec.so\n"
         "race:libavformat.so\n"
         "race:libx265.so\n"
         "deadlock:libcairo.so\n";
}

#endif

#if defined(__SANITIZE_ADDRESS__)

// libx265 keeps 1168 bytes of an encoder that was closed. A forked child begins with a new forks::PerProcess, and
// abandons its parent's. NOLINTNEXTLINE(bugprone-reserved-identifier): LSan's name
extern "C" [[gnu::visibility("default"), gnu::used]] const char* __lsan_default_suppressions() {
  return "leak:libx265.so\n"
         "leak:freshframe/forks.hpp\n";
}

#endif
