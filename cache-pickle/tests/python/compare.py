"""Reads lines of JSON: a name, a pickle by Rust, and the same value as a pickle by Python or as an
expression. Prints the names of those that are not equal, and of those that need Django."""

import binascii, collections, datetime, decimal, enum, fractions, json, pickle, sys, uuid, zoneinfo


class Color(enum.Enum):
    RED = 1


class IntE(enum.IntEnum):
    A = 7


class SubStr(str):
    pass


class SubInt(int):
    pass


Point = collections.namedtuple("Point", "x y")

try:
    import django
    from django.conf import settings

    settings.configure()
except ImportError:
    django = None


def same(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple, collections.deque)):
        longest = getattr(a, "maxlen", None) == getattr(b, "maxlen", None)
        return longest and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        makers = getattr(a, "default_factory", None) is getattr(b, "default_factory", None)
        return makers and len(a) == len(b) and all(map(same, a.items(), b.items()))
    if isinstance(a, (float, complex, decimal.Decimal)):
        return repr(a) == repr(b)
    if isinstance(a, (datetime.datetime, datetime.time)):
        return a == b and a.fold == b.fold and a.tzinfo == b.tzinfo
    if isinstance(a, BaseException):
        return same(a.args, b.args)
    if type(a).__module__ == "django.http.response":
        return same(vars(a), vars(b)) if type(a).__name__ != "CaseInsensitiveMapping" else a == b
    if type(a).__module__.startswith("django.http") or type(a).__name__ == "ResponseHeaders":
        return same(vars(a), vars(b))
    return a == b


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
