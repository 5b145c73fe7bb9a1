"""Django's FileBasedCache and diskcache: file.py django|diskcache DIRECTORY ENTRIES"""

import os
import pickle
import sys
import time
import zlib

import timing

which, directory, entries = sys.argv[1], sys.argv[2], int(sys.argv[3])
value = bytes(4096)
HOUR = 3600


def django():
    from django.conf import settings

    settings.configure(CACHES={})
    from django.core.cache.backends.filebased import FileBasedCache

    cache = FileBasedCache(directory, {"TIMEOUT": HOUR, "OPTIONS": {"MAX_ENTRIES": 1_000_000}})
    os.makedirs(directory, exist_ok=True)
    expiry = pickle.dumps(time.time() + HOUR, pickle.HIGHEST_PROTOCOL)
    content = expiry + zlib.compress(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))
    # What set writes, without the listing that each set begins with.
    for n in range(entries):
        with open(cache._key_to_file(key(n)), "wb") as file:
            file.write(content)
    assert cache.get(key(0)) == value
    return cache


def diskcache():
    from diskcache import Cache

    cache = Cache(directory, size_limit=1 << 40)
    with cache.transact():
        for n in range(entries):
            cache.set(key(n), value, HOUR)
    assert cache.get(key(0)) == value
    return cache


def key(n):
    return f"k{n}"


def any_key(n):
    return key(n * 7919 % entries)


try:
    cache = {"django": django, "diskcache": diskcache}[which]()
except ModuleNotFoundError as missing:
    print(missing, flush=True)
    sys.exit()

timing.serve(
    {
        "get": lambda n: cache.get(any_key(n)),
        "set": lambda n: cache.set(any_key(n), value, HOUR),
        "set_new": lambda n: cache.set(f"new{n}", value, HOUR),
        "touch": lambda n: cache.touch(any_key(n), HOUR),
    },
    undo={"set_new": lambda n: cache.delete(f"new{n}")},
    from_memory={"get", "set_new"},
)
