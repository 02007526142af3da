"""Scrapes a running demo as Prometheus would, and fails on whatever a second opinion dislikes.

Usage: python -W error tests/live_scrape.py PATH_OF_THE_PROGRAM

Starts `demo` on a free port and learns the address from its line `msg=listening address=...`. Then
`/metrics` is read in both formats and judged by `promtool check metrics` and by the parsers of the
Python client; both formats must tell the same, no counter may fall between two scrapes, and
SIGTERM must end the program with 0. Anything unexpected is printed and the exit status is 1.
"""

import gzip
import math
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

TEXT = "text/plain; version=0.0.4"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
# How long to wait for what should take seconds; only a program that hangs gets there.
PATIENCE = 120

# One family of each report, and those that say whether the data can be trusted.
EXPECTED = {
    "wolkvox_inbound_calls",
    "wolkvox_answer_wait_seconds",
    "wolkvox_ivr_calls",
    "wolkvox_callback_offers",
    "wolkvox_cdr_calls",
    "wolkvox_survey_responses",
    "wolkvox_operation_info",
    "wolkvox_up",
    "wolkvox_report_last_success_timestamp_seconds",
    "wolkvox_exporter_build_info",
}

# Families about the process and its own work may move and move back between two scrapes; all others
# are compared number by number.
LIVE = re.compile(r"process_|wolkvox_exporter_|wolkvox_token_|wolkvox_report_")

# No proxy stands between us and the loopback interface.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Failure(Exception):
    """What was expected and did not happen."""


def expect(condition, message):
    if not condition:
        raise Failure(message)


@contextmanager
def demo(program, folder):
    """The program, its log lines in a queue; killed if it is still there at the end."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WOLKVOX_")}
    process = subprocess.Popen(
        [program, "demo", "--web.listen-address=127.0.0.1:0", "--log.format=logfmt"],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines = queue.Queue()

    def follow():
        for line in process.stdout:
            sys.stdout.write(f"demo: {line}")
            lines.put(line)
        lines.put(None)

    reader = threading.Thread(target=follow, daemon=True)
    reader.start()
    try:
        yield process, lines
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        reader.join()
        process.stdout.close()


def address_of(lines):
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            line = lines.get(timeout=max(0, deadline - time.monotonic()))
        except queue.Empty:
            raise Failure("no log line said where it listens") from None
        expect(line is not None, "it ended before it listened")
        if re.search(r'\bmsg="?listening"?(\s|$)', line):
            found = re.search(r'\baddress="?([^"\s]+)', line)
            expect(found, f"this line has no address: {line}")
            return found.group(1)


def get(url, method="GET", **headers):
    request = urllib.request.Request(url, method=method, headers={name.replace("_", "-"): value for name, value in headers.items()})
    with OPENER.open(request, timeout=PATIENCE) as response:
        return response.headers, response.read()


def wait_until_ready(base, process):
    deadline = time.monotonic() + PATIENCE
    while True:
        expect(process.poll() is None, "it ended before it was ready")
        try:
            get(f"{base}/-/ready")
            return
        except urllib.error.HTTPError as error:
            expect(error.code == 503, f"/-/ready answered {error.code}")
            error.close()
        expect(time.monotonic() < deadline, "/-/ready never answered 200")
        time.sleep(0.1)


def wait_for_families(base, process):
    """Ready says that every report has been asked for; what counts from a date appears when the past has been read."""
    deadline = time.monotonic() + PATIENCE
    while True:
        expect(process.poll() is None, "it ended before its counters appeared")
        _, body = get(f"{base}/metrics", Accept=TEXT)
        missing = EXPECTED - {name.removesuffix("_total") for name in names(body.decode())}
        if not missing:
            return
        expect(time.monotonic() < deadline, f"missing families: {sorted(missing)}")
        time.sleep(0.1)


def scrape(base, accept):
    """The body in one format, the same with and without compression, of the content type asked for."""
    headers, body = get(f"{base}/metrics", Accept=accept, Accept_Encoding="identity")
    kind = headers["Content-Type"]
    expect(kind.startswith(accept), f"asked for {accept}, got {kind}")
    packed_headers, packed = get(f"{base}/metrics", Accept=accept, Accept_Encoding="gzip")
    expect(packed_headers["Content-Encoding"] == "gzip", "gzip was asked for and not given")
    unpacked = gzip.decompress(packed).decode()
    expect(
        names(unpacked) == names(body.decode()),
        f"gzip and identity name different families: {names(unpacked) ^ names(body.decode())}",
    )
    head, empty = get(f"{base}/metrics", method="HEAD", Accept=accept, Accept_Encoding="identity")
    expect(empty == b"" and head["Content-Type"] == kind, "HEAD differs from GET")
    return body.decode()


def names(text):
    return {line.split(" ")[2] for line in text.splitlines() if line.startswith("# TYPE ")}


def check_with_promtool(text):
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).strip()
    expect(done.returncode == 0 and not said, f"promtool check metrics said:\n{said}")


def samples(families):
    """Every sample by name and labels; `le` as a number, since the formats spell it differently."""
    found = {}
    for family in families:
        for sample in family.samples:
            labels = {name: str(float(value)) if name == "le" else value for name, value in sample.labels.items()}
            key = (sample.name, tuple(sorted(labels.items())))
            expect(key not in found, f"twice in one scrape: {key}")
            expect(sample.timestamp is None, f"a sample with a timestamp: {key}")
            expect(not math.isnan(sample.value), f"not a number: {key}")
            found[key] = sample.value
    return found


def compare(before, other, after):
    """One format between two scrapes of the other: nothing falls, and what stood still is the same."""
    for key, value in before.items():
        name = key[0]
        if name.endswith(("_total", "_count", "_bucket", "_sum")):
            for later in (other, after):
                expect(key in later, f"gone a moment later: {key}")
                expect(value <= later[key], f"fell from {value} to {later[key]}: {key}")
        if after.get(key) == value and not LIVE.match(name):
            expect(other.get(key) == value, f"{value} in one format, {other.get(key)} in the other: {key}")


def check(base):
    text = scrape(base, TEXT)
    check_with_promtool(text)
    text_families = list(parse_text(text))
    found = {family.name for family in text_families}
    expect(EXPECTED <= found, f"gone again: {sorted(EXPECTED - found)}")
    expect(len(found) == len(text_families), "a family is not contiguous")

    openmetrics = scrape(base, OPENMETRICS)
    expect(openmetrics.endswith("# EOF\n"), "OpenMetrics does not end with # EOF")
    openmetrics_families = list(parse_openmetrics(openmetrics))

    kinds = {family.name: (family.type, family.documentation) for family in text_families}
    for family in openmetrics_families:
        if family.type == "info":
            continue
        expect(family.name in kinds, f"only in OpenMetrics: {family.name}")
        kind, documentation = kinds[family.name]
        expect(kind == family.type, f"{family.name} is a {kind} in text and a {family.type} in OpenMetrics")
        expect(documentation == family.documentation, f"{family.name} has two HELP texts")
    before = samples(text_families)
    compare(before, samples(openmetrics_families), samples(parse_text(scrape(base, TEXT))))
    print(f"{len(found)} families, {len(before)} samples: both formats agree")


def stop(process):
    process.send_signal(signal.SIGTERM)
    try:
        status = process.wait(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise Failure("SIGTERM did not end it") from None
    expect(status == 0, f"ended with {status} after SIGTERM")


def main(program):
    with tempfile.TemporaryDirectory() as folder, demo(os.path.abspath(program), folder) as (process, lines):
        base = f"http://{address_of(lines)}"
        wait_until_ready(base, process)
        get(f"{base}/-/healthy")
        wait_for_families(base, process)
        check(base)
        stop(process)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        main(sys.argv[1])
    except (Failure, OSError, ValueError) as failure:
        print(f"live scrape: {failure}", file=sys.stderr)
        sys.exit(1)
