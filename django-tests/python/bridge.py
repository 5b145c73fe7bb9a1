"""Django's caches, one request a line: JSON in, JSON out.

    bridge.py '{"default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", …}}'

The argument is Django's CACHES. A DatabaseCache may name its SQLite file in DATABASE. A request may
bring the settings of its cache along: {"cache": "name", "settings": {…}, …}.

Request: {"op": "set", "key": "k", "value": {"json": 5}, "timeout": null, "version": 2}; an argument
that is left out takes Django's default. A value is {"json": …} or {"pickle": "hexadecimal digits"}.
Answer: {"result": …}, where values are pickles and lack of one is null; with "as_json" they have their
JSON too. Or {"error": "ValueError", "message": "…"}.
"""

import collections, json, os, pickle, sys, time, warnings

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../cache-pickle/tests/python"))
# The classes are named here by the pickles of the test values.
from same import Color, IntE, Point, SubInt, SubStr, same

answers, sys.stdout = sys.stdout, sys.stderr
warnings.simplefilter("ignore")

import django
from django.conf import settings

# Caches and connections that came with a request, and are not wanted any more, are closed.
MOST_OPEN = 16


class Router:
    """Each table of a cache lies in a database of its own name, if there is one."""

    def db_for_read(self, model, **hints):
        from django.db import connections

        return model._meta.db_table if model._meta.db_table in connections.databases else None

    db_for_write = db_for_read

    def allow_migrate(self, db, app_label, model_name=None, **hints):
        return True


def database(path, options):
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": path, "OPTIONS": options}


def final_key(key, prefix, version):
    """The KEY_FUNCTION of a cache whose keys are made elsewhere."""
    return key[version] if isinstance(key, dict) else key


class Moved(dict):
    """A key and the key that it moves to, as two versions of one."""

    __hash__ = object.__hash__


all_settings = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
if "default" not in all_settings:
    all_settings["default"] = {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}
databases = {
    params["LOCATION"]: database(params.pop("DATABASE"), params.pop("DATABASE_OPTIONS", {}))
    for params in all_settings.values()
    if "DATABASE" in params
}
settings.configure(
    CACHES=all_settings,
    DATABASES=databases | {"default": database(":memory:", {})},
    DATABASE_ROUTERS=[Router()],
    USE_TZ=True,
)
django.setup()

from django.core.cache import caches
from django.core.management import call_command
from django.db import connections

brought = collections.OrderedDict()


def open_brought(name, params):
    """Opens a cache that the settings do not have, as they would."""
    params = dict(params)
    if path := params.pop("DATABASE", None):
        alias = params["LOCATION"]
        connections.databases[alias] = connections.configure_settings(
            {alias: database(path, params.pop("DATABASE_OPTIONS", {})), "default": database(":memory:", {})}
        )[alias]
        createcachetable(alias)
    caches.settings[name] = params
    cache = brought[name] = caches.create_connection(name)
    while len(brought) > MOST_OPEN:
        _, oldest = brought.popitem(last=False)
        oldest.close()
        table = getattr(oldest, "_table", None)
        if table in connections.databases:
            connections[table].close()
    return cache


def find(request):
    name = request.get("cache", "default")
    if name in brought:
        brought.move_to_end(name)
        return brought[name]
    return open_brought(name, request["settings"]) if "settings" in request else caches[name]


def createcachetable(table):
    for last in (False, True):
        try:
            return call_command("createcachetable", table, database=table, verbosity=0)
        except Exception:
            # Another process has made it meanwhile.
            if last:
                raise
            time.sleep(0.2)


def value_in(given):
    if "pickle" in given:
        return pickle.loads(bytes.fromhex(given["pickle"]))
    return given["json"]


def shown(value, request):
    answer = {"pickle": pickle.dumps(value, pickle.HIGHEST_PROTOCOL).hex()}
    if request.get("as_json"):
        answer["json"] = json.dumps(value)
    return answer


def entries(cache):
    """How many there are, where the backend's parts say."""
    if hasattr(cache, "_list_cache_files"):
        return len(cache._list_cache_files())
    if hasattr(cache, "_table"):
        with connections[Router().db_for_read(cache.cache_model_class) or "default"].cursor() as cursor:
            return cursor.execute(f'SELECT COUNT(*) FROM "{cache._table}"').fetchone()[0]
    return len(cache._cache) if isinstance(getattr(cache, "_cache", None), dict) else None


MISSING = object()


def run(request):
    op = request["op"]
    if op == "createcachetable":
        return createcachetable(request["table"])
    cache = find(request)
    given = {name: request[name] for name in ("timeout", "version", "delta") if name in request}
    match op:
        case "get":
            value = cache.get(request["key"], MISSING, **given)
            return None if value is MISSING else shown(value, request)
        case "set":
            cache.set(request["key"], value_in(request["value"]), **given)
        case "add":
            return bool(cache.add(request["key"], value_in(request["value"]), **given))
        case "touch" | "delete" | "has_key":
            return bool(getattr(cache, op)(request["key"], **given))
        case "incr" | "decr" | "incr_version" | "decr_version":
            return getattr(cache, op)(request["key"], **given)
        case "get_many":
            found = cache.get_many(request["keys"], **given)
            return [[key, shown(value, request)] for key, value in found.items()]
        case "set_many":
            return cache.set_many({key: value_in(value) for key, value in request["entries"]}, **given) or []
        case "delete_many":
            cache.delete_many(request["keys"], **given)
        case "clear" | "close":
            getattr(cache, op)()
        case "rename":
            # Django's own incr_version, on final keys.
            return cache.incr_version(Moved({1: request["key"], 2: request["to"]}), version=1)
        case "entries":
            return entries(cache)
        case "make_key":
            return cache.make_key(request["key"], **given)
        case "same":
            value, model = cache.get(request["key"], MISSING, **given), value_in(request["value"])
            if request.get("as_json"):
                # An object of JSON has no order.
                return json.dumps(value, sort_keys=True, default=repr) == json.dumps(model, sort_keys=True)
            return value is not MISSING and same(value, model)
        case "count":
            while time.time() < request["at"]:
                pass
            for _ in range(request["times"]):
                cache.incr(request["key"], **given)
        case _:
            raise LookupError(f"there is no operation {op!r}")


for line in sys.stdin:
    try:
        answer = {"result": run(json.loads(line))}
    except Exception as error:
        answer = {"error": type(error).__name__, "message": str(error)}
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
