// Counts the blocks of memory that are allocated and not freed, and their bytes: preloaded by the churn of `./dev night`.
// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *block);

static atomic_long blocks, bytes;

long freshframe_test_blocks(void) { return atomic_load_explicit(&blocks, memory_order_relaxed); }
long freshframe_test_bytes(void) { return atomic_load_explicit(&bytes, memory_order_relaxed); }

static void *counted(void *block) {
  if (block == NULL) return NULL;
  atomic_fetch_add_explicit(&blocks, 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&bytes, malloc_usable_size(block), memory_order_relaxed);
  return block;
}

static void gone(size_t size) {
  atomic_fetch_sub_explicit(&blocks, 1, memory_order_relaxed);
  atomic_fetch_sub_explicit(&bytes, size, memory_order_relaxed);
}

void *malloc(size_t size) { return counted(__libc_malloc(size)); }
void *calloc(size_t count, size_t size) { return counted(__libc_calloc(count, size)); }
void *memalign(size_t alignment, size_t size) { return counted(__libc_memalign(alignment, size)); }
void *valloc(size_t size) { return counted(__libc_memalign(sysconf(_SC_PAGESIZE), size)); }
void *pvalloc(size_t size) {
  const size_t page = sysconf(_SC_PAGESIZE);
  return counted(__libc_memalign(page, (size + page - 1) / page * page));
}
void *aligned_alloc(size_t alignment, size_t size) { return counted(__libc_memalign(alignment, size)); }

int posix_memalign(void **block, size_t alignment, size_t size) {
  if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) return EINVAL;
  void *const made = counted(__libc_memalign(alignment, size));
  if (made != NULL) *block = made;
  return made != NULL ? 0 : ENOMEM;
}

void free(void *block) {
  if (block != NULL) gone(malloc_usable_size(block));
  __libc_free(block);
}

void *realloc(void *block, size_t size) {
  const size_t before = block == NULL ? 0 : malloc_usable_size(block);
  void *const made = __libc_realloc(block, size);
  counted(made);  // first: too much for a moment is no loss, too little is one
  if (block != NULL && (made != NULL || size == 0)) gone(before);
  return made;
}
