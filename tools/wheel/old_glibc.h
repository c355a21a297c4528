/* Binds what is compiled on Debian 12 (glibc 2.36) to functions that glibc 2.34 has, too. The wheel's build includes
   this before every source. SPDX-License-Identifier: Apache-2.0 */
#if defined(__x86_64__)
__asm__(".symver hypot,hypot@GLIBC_2.2.5");
__asm__(".symver hypotf,hypotf@GLIBC_2.2.5");
#elif defined(__aarch64__)
__asm__(".symver hypot,hypot@GLIBC_2.17");
__asm__(".symver hypotf,hypotf@GLIBC_2.17");
#endif
