// Threads that work on the tiles of one sound, stage after stage.
#pragma once
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

#include "norms.h"

namespace tasnet {

static inline void wait_until(const std::atomic<int>& value, int least) {
    for (int i = 0; value.load(std::memory_order_acquire) < least; i++) {
        if (i < 500) _mm_pause();
        else std::this_thread::yield();  // on a machine busy with other work
    }
}

// One pass over all tiles. The tiles are handed out in order, to who comes first; what each adds up is kept by itself,
// so that sums do not depend on who that was.
struct Stage {
    std::atomic<int> taken{0};  // tiles handed out
    std::atomic<int> left{0};   // threads that found no more
    std::atomic<int> known{0};  // tiles whose sums are in `so_far`
    Moments so_far;

    // The sums of all tiles before this one, waited for; those behind it are given them with `own`.
    Moments hand_over(int tile, const Moments& own) {
        wait_until(known, tile);
        const Moments before = so_far;
        so_far.add(own.sum, own.square);
        known.store(tile + 1, std::memory_order_release);
        return before;
    }
};

class Team {
public:
    // Runs `work(member)` on up to `most` threads, of which this is one; returns when all are done. `work` must not
    // throw. It may ask `size()`.
    template <class Work> void run(int most, Work work) {
        std::atomic<int> begun{0};
        std::vector<std::thread> others;
        try {
            for (int member = 1; member < most; member++)
                others.emplace_back([&, member] {
                    wait_until(begun, 1);
                    work(member);
                });
        } catch (const std::system_error&) {
            // The system gives no more: those that there are do it.
        }
        members = (int)others.size() + 1;
        begun.store(1, std::memory_order_release);
        work(0);
        for (std::thread& other : others) other.join();
    }

    int size() const { return members; }

    // `task(tile)` on the tiles of the stage; returns when all of all threads are done.
    template <class Task> void share(Stage& stage, int tiles, Task task) const {
        while (true) {
            const int tile = stage.taken.fetch_add(1, std::memory_order_relaxed);
            if (tile >= tiles) break;
            task(tile);
        }
        stage.left.fetch_add(1, std::memory_order_acq_rel);
        wait_until(stage.left, members);
    }

private:
    int members = 1;
};

}  // namespace tasnet
