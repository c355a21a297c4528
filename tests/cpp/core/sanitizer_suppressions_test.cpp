// Limits the sanitizers to this project's code. Other libraries were built without them.
// SPDX-License-Identifier: Apache-2.0
#if defined(__SANITIZE_THREAD__)

// FFmpeg's threads hand memory over through atomics that the sanitizer cannot see in FFmpeg, so it takes each
// buffer that one thread allocates and another frees for a race. libx265 does the same.
//
// While Cairo makes a scaled font of its built-in font it takes the mutex of a placeholder inside the one of
// the font map, and at the end the other way round. A waiting thread has released the map
// (_cairo_scaled_font_placeholder_wait_for_creation_to_finish), so the order cannot become a deadlock.
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
