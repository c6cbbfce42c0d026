// Products on the matrix unit (AMX): bfloat16 times bfloat16, summed in float32.
//
// A tile has 16 rows of 64 bytes. Tiles 0 to 3 are sums (16, 16); 4 and 5 take A (16, 32); 6 and 7 take B (32, 16) in
// pairs of rows, (16, 16, 2). Only five operations of the unit are needed. TASNET_TILES_EMULATED implements them in
// plain C++, so that everything but the instructions themselves can be tested on any machine.
#pragma once
#include "vectors.h"

#if defined(TASNET_TILES_EMULATED)
#define TASNET_TILES
#elif defined(__AMX_TILE__) && defined(__AMX_BF16__) && defined(TASNET_AVX512)
#define TASNET_TILES
#define TASNET_AMX
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace tasnet {

#if defined(TASNET_AMX)

#define TILE_ZERO(tile) _tile_zero(tile)
#define TILE_LOAD(tile, p, stride) _tile_loadd(tile, p, stride)
#define TILE_STORE(tile, p, stride) _tile_stored(tile, p, stride)
#define TILE_DOT(sums, a, b) _tile_dpbf16ps(sums, a, b)

// The compiler does not know what tiles read from memory.
static inline void memory_is_written() {
    asm volatile("" ::: "memory");
}

// Whether the system lets this process use the unit, which Linux grants on request.
static inline bool has_matrix_unit() {
    constexpr int ARCH_REQ_XCOMP_PERM = 0x1023;
    constexpr int XFEATURE_XTILEDATA = 18;
    static const bool may = syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
    return may;
}

// The tile shapes of this thread, for the lifetime of this object: other libraries set their own.
struct Tiles {
    Tiles() {
        alignas(64) uint8_t config[64] = {1};
        for (int tile = 0; tile < 8; tile++) {
            config[16 + 2 * tile] = 64;  // bytes a row
            config[48 + tile] = 16;      // rows
        }
        if (!has_matrix_unit()) return;
        memory_is_written();
        _tile_loadconfig(config);
    }
    ~Tiles() {
        if (has_matrix_unit()) _tile_release();
    }
};

#elif defined(TASNET_TILES_EMULATED)

struct EmulatedTile {
    uint8_t rows[16][64];
};
static thread_local EmulatedTile emulated[8];

static inline void TILE_ZERO(int tile) {
    memset(&emulated[tile], 0, sizeof(EmulatedTile));
}

static inline void TILE_LOAD(int tile, const void* p, long stride) {
    for (int row = 0; row < 16; row++) memcpy(emulated[tile].rows[row], (const char*)p + row * stride, 64);
}

static inline void TILE_STORE(int tile, void* p, long stride) {
    for (int row = 0; row < 16; row++) memcpy((char*)p + row * stride, emulated[tile].rows[row], 64);
}

// sums (16, 16) += a (16, 32) b (32, 16), b in pairs of rows: TDPBF16PS.
static inline void TILE_DOT(int sums, int a, int b) {
    auto value = [](int tile, int row, int i) {
        bfloat16 half;
        memcpy(&half, emulated[tile].rows[row] + 2 * i, 2);
        const uint32_t bits = (uint32_t)half << 16;
        float x;
        memcpy(&x, &bits, 4);
        return x;
    };
    for (int m = 0; m < 16; m++)
        for (int n = 0; n < 16; n++) {
            float total;
            memcpy(&total, emulated[sums].rows[m] + 4 * n, 4);
            for (int k = 0; k < 32; k++) total += value(a, m, k) * value(b, k / 2, 2 * n + k % 2);
            memcpy(emulated[sums].rows[m] + 4 * n, &total, 4);
        }
}

static inline void memory_is_written() {}

static inline bool has_matrix_unit() {
    return true;
}

struct Tiles {
    Tiles() {}
};

#else

static inline bool has_matrix_unit() {
    return false;
}

struct Tiles {
    Tiles() {}
};

#endif

#if defined(TASNET_TILES)

// C (16 MT, 16 NT) = A (16 MT, K) B, or += where ADD. Strides in bytes: lda and ldb from row to row, ka and kb from k
// to k + 32; ldc in floats.
template <int MT, int NT, bool ADD>
static inline void tile_product(
    const char* A, long lda, long ka, const char* B, long ldb, long kb, float* C, long ldc, int K
) {
    memory_is_written();
    if (ADD) {
        TILE_LOAD(0, C, ldc * 4);
        if (NT > 1) TILE_LOAD(1, C + 16, ldc * 4);
        if (MT > 1) TILE_LOAD(2, C + 16 * ldc, ldc * 4);
        if (MT > 1 && NT > 1) TILE_LOAD(3, C + 16 * ldc + 16, ldc * 4);
    } else {
        TILE_ZERO(0);
        TILE_ZERO(1);
        TILE_ZERO(2);
        TILE_ZERO(3);
    }
    for (int k = 0; k < K; k += 32, A += ka, B += kb) {
        TILE_LOAD(4, A, lda);
        TILE_LOAD(6, B, ldb);
        TILE_DOT(0, 4, 6);
        if (NT > 1) {
            TILE_LOAD(7, B + 64, ldb);
            TILE_DOT(1, 4, 7);
        }
        if (MT > 1) {
            TILE_LOAD(5, A + 16 * lda, lda);
            TILE_DOT(2, 5, 6);
            if (NT > 1) TILE_DOT(3, 5, 7);
        }
    }
    TILE_STORE(0, C, ldc * 4);
    if (NT > 1) TILE_STORE(1, C + 16, ldc * 4);
    if (MT > 1) TILE_STORE(2, C + 16 * ldc, ldc * 4);
    if (MT > 1 && NT > 1) TILE_STORE(3, C + 16 * ldc + 16, ldc * 4);
}

// C (M, width) = A (M, K) B (K, width), B one panel; K a multiple of 32. Rows of A up to a multiple of 16 are read.
static inline void tile_panel(
    const bfloat16* A, long lda, int K, const bfloat16* B, int width, float* C, long ldc, int M
) {
    alignas(64) float last[16 * 32];  // the rows after the last multiple of 16
    for (int m = 0; m < M; m += 32)
        for (int n = 0; n < width; n += 32) {
            const char* a = (const char*)(A + m * lda);
            const char* b = (const char*)(B + 2 * n);
            float* c = C + m * ldc + n;
            const bool two = n + 16 < width;
            const long ldb = 4 * width;
            const long kb = 64 * width;
            const int whole = (M - m) / 16;  // rows of tiles
            if (whole >= 2) {
                if (two) tile_product<2, 2, false>(a, 2 * lda, 64, b, ldb, kb, c, ldc, K);
                else tile_product<2, 1, false>(a, 2 * lda, 64, b, ldb, kb, c, ldc, K);
                continue;
            }
            if (whole == 1) {
                if (two) tile_product<1, 2, false>(a, 2 * lda, 64, b, ldb, kb, c, ldc, K);
                else tile_product<1, 1, false>(a, 2 * lda, 64, b, ldb, kb, c, ldc, K);
                a += 32 * lda;
                c += 16 * ldc;
            }
            const int rest = (M - m) % 16;
            if (!rest) continue;
            if (two) tile_product<1, 2, false>(a, 2 * lda, 64, b, ldb, kb, last, 32, K);
            else tile_product<1, 1, false>(a, 2 * lda, 64, b, ldb, kb, last, 32, K);
            for (int row = 0; row < rest; row++) memcpy(c + row * ldc, last + row * 32, two ? 128 : 64);
        }
}

// C (M, N) += A^T B over T frames: A as (M, T), B as (T/2, N, 2); T a multiple of 32, M and N of 16.
static inline void tile_transposed(const bfloat16* A, int M, const bfloat16* B, int N, float* C, long ldc, int T) {
    for (int n = 0; n < N; n += 32)
        for (int m = 0; m < M; m += 32) {
            const char* a = (const char*)(A + (long)m * T);
            const char* b = (const char*)(B + 2 * n);
            float* c = C + m * ldc + n;
            const bool two_rows = m + 16 < M;
            const bool two_columns = n + 16 < N;
            if (two_rows && two_columns) tile_product<2, 2, true>(a, 2 * T, 64, b, 4 * N, 64 * N, c, ldc, T);
            else if (two_rows) tile_product<2, 1, true>(a, 2 * T, 64, b, 4 * N, 64 * N, c, ldc, T);
            else if (two_columns) tile_product<1, 2, true>(a, 2 * T, 64, b, 4 * N, 64 * N, c, ldc, T);
            else tile_product<1, 1, true>(a, 2 * T, 64, b, 4 * N, 64 * N, c, ldc, T);
        }
}

#endif

}  // namespace tasnet
