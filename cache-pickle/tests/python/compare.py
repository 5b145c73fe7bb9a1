"""Reads lines of JSON: a name, a pickle by Rust, and the same value as a pickle by Python or as an
expression. Prints of each whether the two are equal."""

import binascii, collections, datetime, decimal, fractions, functools, json, pickle, subprocess, sys, urllib.error
import uuid, zoneinfo

from django.conf import settings

from same import Color, IntE, Outer, Point, SubInt, SubStr, same

settings.configure()

for line in sys.stdin:
    case = json.loads(line)
    try:
        made = pickle.loads(binascii.unhexlify(case["rust"]))
        model = pickle.loads(binascii.unhexlify(case["python"])) if "python" in case else eval(case["expression"])
        print("equal" if same(made, model) else "unequal " + case["name"])
    except Exception as error:
        print("unequal", case["name"], "because", type(error).__name__, str(error).replace("\n", " "))
