"""Waiting for a condition with a deadline: the only way tests wait."""
import select
import time


class TimedOut(AssertionError):
    """What was waited for did not happen in time."""


def wait_until(condition, seconds, what, every=0.01):
    """Polls until condition() is true and returns its value; fails with `what` when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise TimedOut(f"not within {seconds} s: {what}")
        time.sleep(every)   # allow(sleep): between two looks


def readable(sock, seconds):
    """Does something come within this time? Of any descriptor: select() knows the first 1,024 only."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def writable(sock, seconds):
    """May something be written within this time?"""
    poll = select.poll()
    poll.register(sock, select.POLLOUT)
    return bool(poll.poll(seconds * 1000))
