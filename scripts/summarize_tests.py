#!/usr/bin/env python3
"""Reads ctest's JUnit file; says which tests failed, which were skipped and why, and how many of each."""

import collections
import re
import sys
import xml.etree.ElementTree as ElementTree


def skip_reason(case):
    """The text a test gave when it skipped itself."""
    output = case.findtext("system-out") or ""
    for pattern in (r"Skipped\n(.+)", r"^(?:SKIPPED|skipped): (.+)$"):
        found = re.search(pattern, output, re.MULTILINE)
        if found:
            return found.group(1).strip()
    return "no reason given"


def main(path):
    passed, failed, skipped = 0, [], collections.defaultdict(list)
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        if case.find("failure") is not None or case.get("status") == "fail":
            failed.append(case.get("name"))
        elif case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
            skipped[skip_reason(case)].append(case.get("name"))
        else:
            passed += 1
    for name in failed:
        print(f"failed: {name}")
    for reason, names in sorted(skipped.items()):
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        print(f"skipped ({reason}): {', '.join(names[:3])}{more}")
    count = sum(len(names) for names in skipped.values())
    print(f"{passed} passed, {len(failed)} failed, {count} skipped")


if __name__ == "__main__":
    main(sys.argv[1])
