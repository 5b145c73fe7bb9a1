"""Django's DatabaseCache (WAL) or diskcache: db.py PEER PLACE ROWS."""

import base64
import datetime
import pickle
import random
import sys

import timing

PEER, PLACE, ROWS = sys.argv[1], sys.argv[2], int(sys.argv[3])
TIMEOUT = 3600


def key(n):
    return f"text{n:07}"


def number(n):
    return f"number{n:07}"


def value(n):
    return f"{n:0100}"


def rows():
    for n in range(ROWS):
        yield (number(n // 10), 1) if n % 10 == 0 else (key(n - n // 10 - 1), value(n))


def any_key():
    return key(random.randrange(ROWS // 10 * 9))


def hundred():
    return [any_key() for _ in range(100)]


def django():
    import django
    from django.conf import settings

    settings.configure(
        USE_TZ=True,
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": PLACE,
                "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL"},
            }
        },
        CACHES={
            "default": {
                "BACKEND": "django.core.cache.backends.db.DatabaseCache",
                "LOCATION": "cache",
                "OPTIONS": {"MAX_ENTRIES": 2_000_000},
            }
        },
    )
    django.setup()
    from django.core.cache import cache
    from django.core.management import call_command
    from django.db import connection

    call_command("createcachetable")
    expires = datetime.datetime.now(datetime.UTC).replace(tzinfo=None, microsecond=0)
    expires = str(expires + datetime.timedelta(seconds=TIMEOUT))
    encoded = (
        (f":1:{k}", base64.b64encode(pickle.dumps(v, pickle.HIGHEST_PROTOCOL)).decode("latin1"), expires)
        for k, v in rows()
    )
    # By hand: its own set counts the rows each time.
    connection.ensure_connection()
    connection.connection.execute("BEGIN")
    connection.connection.executemany("INSERT INTO cache VALUES (?, ?, ?)", encoded)
    connection.connection.execute("COMMIT")
    return cache, lambda key, value: cache.set(key, value, TIMEOUT)


def diskcache():
    import diskcache

    cache = diskcache.Cache(PLACE, size_limit=1 << 40)
    with cache.transact():
        for k, v in rows():
            cache.set(k, v, expire=TIMEOUT)
    return cache, lambda key, value: cache.set(key, value, expire=TIMEOUT)


try:
    cache, store = {"django": django, "diskcache": diskcache}[PEER]()
except ModuleNotFoundError as missing:
    print(missing, flush=True)
    sys.exit()
assert cache.get(key(0)) is not None and cache.get(number(0)) == 1, "it was not filled"

timing.serve(
    {
        "get": lambda n: cache.get(any_key()),
        "set": lambda n: store(any_key(), value(n)),
        "incr": lambda n: cache.incr(number(random.randrange(ROWS // 10))),
        "get_many": lambda n: cache.get_many(hundred()),
        "set_many": lambda n: cache.set_many({key: value(n) for key in hundred()}, TIMEOUT),
    }
)
