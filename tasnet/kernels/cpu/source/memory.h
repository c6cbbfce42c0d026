// Memory for the features of one sound.
#pragma once
#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <new>
#include <vector>

namespace tasnet {

// Allocates arrays of zeros. They lie in large pages, as walking along columns would touch many small ones; and no two
// begin at addresses with the same last 12 bits, or loads from one would wait for stores to the other.
class Memory {
public:
    Memory() = default;
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;

    ~Memory() {
        for (const Piece& piece : pieces) munmap(piece.start, piece.size);
    }

    template <class T> T* zeros(size_t n) {
        const size_t need = (n * sizeof(T) + BEYOND + 63) / 64 * 64 + 64 * 17;
        if (need > (size_t)(end - free)) add_piece(need);
        T* array = (T*)free;
        free += need;
        taken += need;
        return array;
    }

    size_t bytes() const { return taken; }

private:
    struct Piece {
        void* start;
        size_t size;
    };

    void add_piece(size_t need) {
        const size_t size = (std::max(need, SMALLEST) + PAGE - 1) / PAGE * PAGE + PAGE;
        void* start = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (start == MAP_FAILED) throw std::bad_alloc();
        pieces.push_back({start, size});
        free = (char*)(((size_t)start + PAGE - 1) / PAGE * PAGE);
        end = (char*)start + size;
#ifdef MADV_HUGEPAGE
        madvise(free, end - free, MADV_HUGEPAGE);
#endif
    }

    static constexpr size_t PAGE = 2 << 20;
    static constexpr size_t SMALLEST = 32 << 20;
    static constexpr size_t BEYOND = 4096;  // bytes that may be read after the last value: a vector, or a prefetch
    std::vector<Piece> pieces;
    char* free = nullptr;
    char* end = nullptr;
    size_t taken = 0;
};

}  // namespace tasnet
