# Written by `mainstay render locust` from the stack whisper-transcriber.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

"""Asks a stack what its routes and its health say can be asked.

LOAD_LEVEL          which users there are: mixed (what is meant where nothing is said), stress, cache, cognitive
LOAD_PATHS          other paths, separated by blanks
LOAD_USER           with LOAD_PASSWORD: whom the administrator logs in as (HTTP Basic)
LOAD_UPLOAD_PATH    where files are posted to, as `file` of a form: none unless it is said
LOAD_WORK_PATH      what takes the service some work: the first path unless it is said
LOAD_P95_MS         above it, and
LOAD_ERRORS_PERCENT above it, the run ends with 1
"""

import os
import random

from locust import FastHttpUser, HttpUser, between, constant, events, task

PATHS = os.environ.get("LOAD_PATHS", "").split() or ["/health"]
UPLOAD_PATH = os.environ.get("LOAD_UPLOAD_PATH")
WORK_PATH = os.environ.get("LOAD_WORK_PATH") or PATHS[0]
P95_MS = float(os.environ.get("LOAD_P95_MS", "2000"))
ERRORS_PERCENT = float(os.environ.get("LOAD_ERRORS_PERCENT", "5"))
LEVEL = os.environ.get("LOAD_LEVEL", "mixed")

# Small, medium, large: bytes, and how often of a hundred.
FILES = [(10_000, 70), (1_000_000, 25), (10_000_000, 5)]


class StandardUser(HttpUser):
    """Somebody at work: asks, reads, asks again."""

    host = "http://127.0.0.1:8080"
    abstract = LEVEL != "mixed"
    weight = 9
    wait_time = between(1, 5)

    @task(10)
    def ask(self):
        self.client.get(random.choice(PATHS))

    @task(1)
    def upload(self):
        if UPLOAD_PATH is None:
            return
        sizes, weights = zip(*FILES)
        size = random.choices(sizes, weights)[0]
        content = random.randbytes(size)
        self.client.post(UPLOAD_PATH, files={"file": (f"{size}.bin", content)}, name=f"{UPLOAD_PATH} {size}")


class AdminUser(HttpUser):
    """Somebody who looks after it: everything once in a while, logged in where that is said."""

    host = "http://127.0.0.1:8080"
    abstract = LEVEL != "mixed"
    weight = 1
    wait_time = between(5, 10)

    def on_start(self):
        user, password = os.environ.get("LOAD_USER"), os.environ.get("LOAD_PASSWORD")
        if user and password:
            self.client.auth = (user, password)

    @task
    def look(self):
        for path in PATHS:
            self.client.get(path, name=f"admin {path}")


class StressUser(FastHttpUser):
    """Nobody: asks again as soon as there is an answer."""

    host = "http://127.0.0.1:8080"
    abstract = LEVEL != "stress"
    wait_time = between(0.05, 0.2)

    @task
    def ask(self):
        self.client.get(random.choice(PATHS))


class CacheUser(FastHttpUser):
    """The same again and again: from the second time on it should come from a cache."""

    host = "http://127.0.0.1:8080"
    abstract = LEVEL != "cache"
    wait_time = constant(0.2)

    @task
    def ask(self):
        self.client.get(PATHS[0])


class CognitiveUser(HttpUser):
    """Asks for what takes work, and waits for it."""

    host = "http://127.0.0.1:8080"
    abstract = LEVEL != "cognitive"
    wait_time = between(1, 3)

    @task
    def work(self):
        self.client.get(WORK_PATH, name=f"work {WORK_PATH}", timeout=60)


@events.quitting.add_listener
def judge(environment, **_):
    """The run has failed where nothing was asked, too much was refused, or it took too long."""
    total = environment.stats.total
    p95 = total.get_response_time_percentile(0.95) or 0
    errors = total.fail_ratio * 100
    print(f"requests: {total.num_requests}, p95: {p95:.0f} ms (at most {P95_MS:.0f}), errors: {errors:.2f} % (at most {ERRORS_PERCENT})")
    failed = total.num_requests == 0 or p95 > P95_MS or errors > ERRORS_PERCENT
    # What Locust itself makes of a single error is not asked: the share decides.
    environment.process_exit_code = 1 if failed else 0
