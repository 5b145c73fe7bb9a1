"""Answers orders on standard input: "name calls" calls a function so many times and prints the nanoseconds."""

import sys
import time


def serve(functions):
    print("ready", flush=True)
    for line in sys.stdin:
        name, calls = line.split()
        function, calls = functions[name], range(int(calls))
        start = time.perf_counter_ns()
        for n in calls:
            function(n)
        print(time.perf_counter_ns() - start, flush=True)
