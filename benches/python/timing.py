"""Answers orders on standard input: "name calls" calls a function so many times and prints the nanoseconds.

A function is called with the number of its call, which goes on from order to order. What a function of `undo`
takes back afterwards is not in the time. One of `from_memory` makes its calls once before they are timed: what the
system took from memory meanwhile is read from the disk then.
"""

import sys
import time


def call(function, calls):
    start = time.perf_counter_ns()
    for n in calls:
        function(n)
    return time.perf_counter_ns() - start


def serve(functions, undo={}, from_memory=()):
    print("ready", flush=True)
    done = dict.fromkeys(functions, 0)
    for line in sys.stdin:
        name, calls = line.split()
        calls = range(done[name], done[name] + int(calls))
        done[name] = calls.stop
        for _ in range(2 if name in from_memory else 1):
            took = call(functions[name], calls)
            if name in undo:
                call(undo[name], calls)
        print(took, flush=True)
