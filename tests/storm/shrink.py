"""Shrinks a broken day: leaves out whatever of the nemesis's doings it does not take.

Delta debugging (Zeller, Hildebrandt 2002) over the actions: halves, quarters and so on are left
out while the day stays broken; in the end every action that is left is needed.
"""

from collections.abc import Callable
from dataclasses import replace

from tests.storm.day import Outcome, Plan, run_day

RUNS_MAX = 200


def shrink(plan: Plan, run: Callable[[Plan], Outcome] = run_day) -> Outcome:
    """Give the smallest day found that is still broken; the plan must be broken."""
    every = plan.keep if plan.keep is not None else tuple(range(len(plan.drawn())))
    best = run(replace(plan, keep=every))
    kept, parts, runs = list(every), 2, 0
    while kept and runs < RUNS_MAX:
        size = -(-len(kept) // parts)
        for at in range(0, len(kept), size):
            rest = kept[:at] + kept[at + size :]
            runs += 1
            tried = run(replace(plan, keep=tuple(rest)))
            if tried.broken:
                kept, best, parts = rest, tried, max(parts - 1, 2)
                break
        else:
            if size <= 1:
                break
            parts = min(len(kept), parts * 2)
    return best


def told(outcome: Outcome) -> str:
    """Tell a broken day in few lines: what was done, what broke, how to play it again."""
    plan = outcome.plan
    lines = [f"seed {plan.seed}: {len(plan.drawn())} actions are enough"]
    lines += [f"    {action}" for action in plan.drawn()]
    lines += [f"  BROKEN {what}" for what in outcome.broken]
    lines.append(f"  replay: {replay(plan)}")
    return "\n".join(lines)


def replay(plan: Plan) -> str:
    """Give the command that plays a day again, with its whole trace."""
    kept = "" if plan.keep is None else f" --keep {','.join(map(str, plan.keep)) or 'none'}"
    return f"./gatepost storm --one --seed {plan.seed}{kept}"
