import subprocess
import sys
import threading

import pytest

from dupimg.threads import Threads

needs_sigint = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")

BEGINNING = """
import os, signal, threading, time
from dupimg.threads import Threads, raise_if_pressed
signal.signal(signal.SIGINT, signal.default_int_handler)
press = lambda: os.kill(os.getpid(), signal.SIGINT)
"""


def said_by(program):
    done = subprocess.run(
        [sys.executable, "-c", BEGINNING + program], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_results_come_in_order_and_errors_are_those_of_the_function():
    with Threads(3) as threads:
        assert list(threads.each(pow, range(100), [2] * 100)) == [n * n for n in range(100)]
        with pytest.raises(TimeoutError, match="own"):
            list(threads.each(fail, [TimeoutError("own")]))
    with pytest.raises(OSError, match="gone"), Threads(1) as threads:
        list(threads.each(fail, [OSError("gone")]))


def fail(error):
    raise error


def test_in_other_threads_it_is_a_pool_as_any():
    found = []
    thread = threading.Thread(target=lambda: found.extend(in_a_pool()))
    thread.start()
    thread.join()
    assert found == [1, 2, 3]


def in_a_pool():
    with Threads(2) as threads:
        return list(threads.each(abs, [-1, -2, -3]))


# With a ThreadPoolExecutor, about one of a thousand rounds waits for itself forever.
@needs_sigint
def test_ctrl_c_at_any_moment_ends_it():
    program = """
ended = 0
for round in range(200):
    try:
        with Threads(4) as threads:
            killer = threading.Timer(round % 20 / 4000, press)
            killer.start()
            for _ in threads.each(abs, range(300)):
                pass
            killer.join()
    except KeyboardInterrupt:
        ended += 1
print(ended, signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""
    ended, as_before = said_by(program)
    assert (ended, as_before) == ("200", "True")


@needs_sigint
def test_what_has_begun_comes_to_its_end_and_nothing_else_begins():
    program = """
ended = []
def work(number):
    press() if number == 2 else None
    time.sleep(0.5)
    ended.append(number)
try:
    with Threads(2) as threads, Threads(1):
        list(threads.each(work, range(100)))
except KeyboardInterrupt:
    print(*sorted(ended))
"""
    assert said_by(program) in (["0", "1", "2", "3"], ["0", "1", "2"])


@needs_sigint
def test_the_second_ctrl_c_does_not_wait():
    program = """
try:
    with Threads(1) as threads:
        threads.submit(time.sleep, 0.1)
        press()
        print("waits")
        try:
            press()
            print("waits, too")
        except KeyboardInterrupt:
            print("does-not")
except KeyboardInterrupt:
    print("ends")
with Threads(1):
    raise_if_pressed()
print("forgotten")
"""
    assert said_by(program) == ["waits", "does-not", "ends", "forgotten"]
