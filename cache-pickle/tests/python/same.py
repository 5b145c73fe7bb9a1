"""When two objects are equal to a cache's user, and the classes of the test values, which are those of
the program that imports them. The bridge of the crate django-tests uses both, too."""

import collections, datetime, decimal, enum


class Color(enum.Enum):
    __module__ = "__main__"
    RED = 1


class IntE(enum.IntEnum):
    __module__ = "__main__"
    A = 7


class SubStr(str):
    __module__ = "__main__"


class SubInt(int):
    __module__ = "__main__"


class Outer:
    __module__ = "__main__"

    class Inner:
        __module__ = "__main__"

        def __init__(self, number):
            self.number = number

        def __eq__(self, other):
            return vars(self) == vars(other)

        __hash__ = None


Point = collections.namedtuple("Point", "x y", module="__main__")


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
