"""Reads lines of JSON, each a Python expression. Prints its value's pickles in the protocols 0 to 5, in
hexadecimal digits."""

import datetime, decimal, fractions, functools, json, pickle, subprocess, sys, urllib.error, uuid, zoneinfo

from same import Color, IntE, Outer, Point, SubInt, SubStr

for line in sys.stdin:
    value = eval(json.loads(line))
    print(*(pickle.dumps(value, protocol).hex() for protocol in range(6)))
