// Threads that work on the tiles of one sound, stage by stage.
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
        else std::this_thread::yield();  // to whatever else keeps the machine busy
    }
}

// One pass over all tiles. Each thread has a share of neighbouring tiles, the same in every pass, so that it finds in
// its own cache what it has written; when its share is done it helps with those of the others. Each tile's sums are
// kept separately, so that the result does not depend on which thread that was.
struct Stage {
    explicit Stage(int shares) : taken(shares) {}

    std::vector<std::atomic<int>> taken;  // tiles of each share handed out, in order
    std::atomic<int> left{0};   // threads that found no more tiles
    std::atomic<int> known{0};  // tiles whose sums are in `so_far`
    Moments so_far;

    // Waits for the sums of all tiles before this one and returns them; passes them on with `own` added.
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
    // Runs `work(member)` on up to `most` threads, including this one; returns when all are done. `work` must not
    // throw. It may call `size()`.
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
            // The system grants no more threads: those there are must do.
        }
        members = (int)others.size() + 1;
        begun.store(1, std::memory_order_release);
        work(0);
        for (std::thread& other : others) other.join();
    }

    int size() const { return members; }

    // `task(tile)` on the stage's tiles, `member`'s own share first; returns when all tiles of all threads are done.
    template <class Task> void share(Stage& stage, int member, int tiles, Task task) const {
        const int shares = (int)stage.taken.size();
        for (int turn = 0; turn < shares; turn++) {
            const int share = (member + turn) % shares;
            const int first = tiles * share / shares;
            const int end = tiles * (share + 1) / shares;
            while (true) {
                const int tile = first + stage.taken[share].fetch_add(1, std::memory_order_relaxed);
                if (tile >= end) break;
                task(tile);
            }
        }
        stage.left.fetch_add(1, std::memory_order_acq_rel);
        wait_until(stage.left, members);
    }

private:
    int members = 1;
};

}  // namespace tasnet
