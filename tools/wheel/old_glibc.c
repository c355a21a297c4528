/* Functions of glibc 2.35 and 2.36 that modules would bind to on Debian 12, by those that glibc 2.34 has, too. It is
   linked into every module of the wheel. SPDX-License-Identifier: Apache-2.0 */
#include <sys/random.h>

#if defined(__x86_64__)
#define OLD "GLIBC_2.2.5"
#elif defined(__aarch64__)
#define OLD "GLIBC_2.17"
#endif
#define OURS __attribute__((visibility("hidden")))

double old_hypot(double x, double y);
float old_hypotf(float x, float y);
__asm__(".symver old_hypot,hypot@" OLD);
__asm__(".symver old_hypotf,hypotf@" OLD);

OURS double hypot(double x, double y) { return old_hypot(x, y); }
OURS float hypotf(float x, float y) { return old_hypotf(x, y); }

/* std::random_device of the static libstdc++ asks for it; Boost.Beast has one. */
OURS unsigned arc4random(void) {
  unsigned value = 0;
  while (getrandom(&value, sizeof value, 0) != (ssize_t)sizeof value) {
  }
  return value;
}
