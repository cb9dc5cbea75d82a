"""Prints after the tests what the world held: each case, and the price of being never wrong."""

from collections import Counter


def pytest_terminal_summary(terminalreporter):
    cases, figures = Counter(), Counter()
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in report.user_properties:
            if name == "world":
                cases.update(value["cases"])
                figures.update(value["figures"])
    if not figures:
        return
    write = terminalreporter.write_line
    joined = 100.0 * figures["pairs joined"] / max(figures["true pairs"], 1)
    needless = 100.0 * figures["referrals needless"] / max(figures["passages measured"], 1)
    terminalreporter.section("the world")
    write(
        f"{figures['visits']} visits, {figures['true pairs']} true pairs: {joined:.2f} % joined, "
        f"{figures['wrong joins'] + figures['wrong plates']} wrong; "
        f"needless referrals {needless:.3f} %"
    )
    for case, count in sorted(cases.items()):
        write(f"{count:>8}  {case}")
