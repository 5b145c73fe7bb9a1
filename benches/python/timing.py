"""Answers orders on standard input: "name calls" calls a function so many times and prints the nanoseconds.

A function is called with the number of its call, which goes on from order to order. What a function of `undo`
takes back afterwards is not in the time.
"""

import sys
import time


def serve(functions, undo={}):
    print("ready", flush=True)
    done = dict.fromkeys(functions, 0)
    for line in sys.stdin:
        name, calls = line.split()
        function, calls = functions[name], range(done[name], done[name] + int(calls))
        done[name] = calls.stop
        start = time.perf_counter_ns()
        for n in calls:
            function(n)
        took = time.perf_counter_ns() - start
        if name in undo:
            for n in calls:
                undo[name](n)
        print(took, flush=True)
