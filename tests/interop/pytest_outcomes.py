"""A plugin of pytest: what came of each test, a line for each, in the file that MILLRACE_OUTCOMES names."""

import os

outcomes = open(os.environ["MILLRACE_OUTCOMES"], "a", buffering=1)


def write(word, test, why=""):
    why = " ".join(why.split())[:300]
    print(word, test, why, sep="\t", file=outcomes)


def reason(report):
    crash = getattr(report.longrepr, "reprcrash", None)
    return crash.message if crash else str(report.longrepr or "")


def pytest_runtest_logstart(nodeid):
    write("begun", nodeid)


def pytest_runtest_logreport(report):
    # What is made for a test and taken away says something only when it fails.
    if report.when == "call" or not report.passed:
        write(report.outcome, report.nodeid, reason(report) if report.failed else "")


def pytest_collectreport(report):
    if report.failed:
        write("failed", report.nodeid, reason(report))
