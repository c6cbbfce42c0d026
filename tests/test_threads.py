"""One owner of PyTorch's number of threads: whoever begins first and ends last, it comes back."""

import threading
from contextlib import ExitStack

import pytest
import torch

from tasnet import ConvTasNet, ConvTasNetConfig, threads
from tasnet.kernels import tiled


@pytest.fixture(autouse=True)
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize(
    "kinds", [(threads.single_threaded, threads.one_torch_thread), (threads.one_torch_thread, threads.single_threaded)]
)
def test_the_number_comes_back_in_whatever_order_they_end(kinds, order):
    stacks = [ExitStack(), ExitStack()]
    for stack, kind in zip(stacks, kinds, strict=True):
        stack.enter_context(kind())
        assert torch.get_num_threads() == 1
    stacks[order[0]].close()
    assert torch.get_num_threads() == 1
    stacks[order[1]].close()
    assert torch.get_num_threads() == 3


def test_a_team_is_as_large_as_the_process_allows_and_alone_within_single():
    with threads.one_torch_thread() as size, threads.one_torch_thread() as again:
        assert size == again == 3
        with threads.single_threaded(), threads.one_torch_thread() as alone:
            assert alone == 1
    with threads.one_torch_thread() as size:
        assert size == 3


def test_single_is_for_its_own_python_thread():
    seen = []

    def other() -> None:
        with threads.one_torch_thread() as size:
            seen.append(size)

    with threads.single_threaded():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert seen == [3]


def test_separations_and_scores_that_interleave_leave_the_number_as_it_was():
    model = ConvTasNet(ConvTasNetConfig(N=16, L=16, B=8, H=16, Sc=8, X=2, R=1)).eval()
    x = torch.randn(1, 4000)
    expected, failures = tiled.forward(model, x), []

    def work(alone: bool) -> None:
        for _ in range(15):
            with threads.single_threaded() if alone else ExitStack():
                if not torch.equal(tiled.forward(model, x), expected):
                    failures.append(alone)

    workers = [threading.Thread(target=work, args=(number % 2 == 0,)) for number in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not failures and torch.get_num_threads() == 3
