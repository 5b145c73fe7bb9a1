"""Reads lines of JSON: a name, a pickle by Rust, and the same value as a pickle by Python or as an
expression. Prints the names of those that are not equal, and of those that need Django."""

import binascii, collections, datetime, decimal, fractions, json, pickle, sys, uuid, zoneinfo

from same import Color, IntE, Point, SubInt, SubStr, same

try:
    import django
    from django.conf import settings

    settings.configure()
except ImportError:
    django = None


for line in sys.stdin:
    case = json.loads(line)
    written = binascii.unhexlify(case["rust"])
    if django is None and (b"django.utils" in written or b"django.http" in written):
        print("django", case["name"])
        continue
    try:
        made = pickle.loads(written)
        model = pickle.loads(binascii.unhexlify(case["python"])) if "python" in case else eval(case["expression"])
        if not same(made, model):
            print("unequal", case["name"])
    except Exception as error:
        print("unequal", case["name"], "because", type(error).__name__, str(error).replace("\n", " "))
