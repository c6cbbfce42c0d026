// Memory is taken from the end of what is in use, and given back to a mark.
#pragma once

#include <stddef.h>
#include <stdint.h>

extern "C" unsigned char __heap_base;

inline uintptr_t end_of_use = 0;

// Zeros, on a boundary of 16 bytes; stops the program where the machine has no more.
inline void *take(size_t bytes) {
  if (!end_of_use) {
    end_of_use = (reinterpret_cast<uintptr_t>(&__heap_base) + 15) & ~uintptr_t{15};
  }
  const uintptr_t begin = end_of_use;
  const uintptr_t end = begin + ((bytes + 15) & ~size_t{15});
  const uintptr_t there = __builtin_wasm_memory_size(0) << 16;
  if (end < begin || (end > there && __builtin_wasm_memory_grow(0, (end - there + 65535) >> 16) == SIZE_MAX)) {
    __builtin_trap();
  }
  end_of_use = end;
  __builtin_memset(reinterpret_cast<void *>(begin), 0, end - begin);
  return reinterpret_cast<void *>(begin);
}

inline float *floats(size_t count) { return static_cast<float *>(take(count * sizeof(float))); }

inline double *doubles(size_t count) { return static_cast<double *>(take(count * sizeof(double))); }

// What is taken while it lives is given back when it ends.
struct Borrowed {
  const uintptr_t mark = end_of_use;
  ~Borrowed() { end_of_use = mark; }
};
