"""What of a plan depends on the time that its steps take on this computer."""

from __future__ import annotations

from dataclasses import dataclass, replace

from monai_attn.learn.plan import DEFORMED, HEAD_RATE, Plan

__all__ = ["FEW_STEPS", "Pace", "cheaper", "with_pace"]

FEW_STEPS = 200
"""With fewer steps than this in the time, a step is made cheaper: two windows, half the features, one window."""

MANY_STEPS = 500
"""From so many steps on, the last layers need no hurry."""

VALIDATING = 0.08
"""The share of a training that its validations may take; the last weights are almost always the best."""

SEEN = 200
"""From so many windows of each case on, the larger share is deformed; it grows evenly until then."""

EPOCHS = 20
"""An epoch is a twentieth of the training: after each one the state is saved."""


@dataclass(frozen=True)
class Pace:
    """Measured seconds of a training step with the making of its windows, and of what is done for one case.

    `case_seconds`: its validation. `prepare_seconds`: its reading, resampling and storing before the training.
    """

    step_seconds: float
    case_seconds: float
    prepare_seconds: float = 0.0


def cheaper(plan: Plan) -> Plan:
    """The plan with a step of about half the time; the same plan where nothing is left to save."""
    if plan.batch > 2:
        return replace(plan, batch=2)
    if plan.channels[0] > 8:
        halved = tuple(max(width // 2, 8) for width in plan.channels)
        return replace(plan, channels=halved)
    return replace(plan, batch=1)


def with_pace(plan: Plan, pace: Pace, most: int | None = None) -> Plan:
    """The plan with what depends on the number of steps that fit into the minutes.

    The minutes hold the preparing of the cases too. `most` is the largest number of steps that a user wants.
    """
    why = dict(plan.why)
    step_seconds, case_seconds = pace.step_seconds, pace.case_seconds
    preparing = plan.cases * pace.prepare_seconds
    seconds = max(60 * plan.minutes - preparing, 1.0)
    cases = max(min(plan.validation_cases, int(0.02 * seconds / case_seconds)), min(plan.validation_cases, 3))
    rounds = max(min(int(VALIDATING * seconds / (cases * case_seconds)), 10), 1)
    fitting = max(int((seconds - rounds * cases * case_seconds) / step_seconds), 1)
    steps = fitting if most is None else min(fitting, most)
    first = f" after {preparing / 60:.1f} minutes of preparing cases" if preparing > 0.02 * seconds else ""
    why["steps"] = (
        f"A step takes {step_seconds:.2f} s here, so about {fitting} of them fit into {plan.minutes:.3g} minutes"
        f"{first}."
    )
    if steps < fitting:
        why["steps"] += f" Asked for were {most}."
    why["minutes"] = "The learning rate follows the time that is over, so the training ends on time at any speed."
    why["validation_cases"] = (
        f"{cases} cases are validated about {rounds} times, which takes "
        f"{rounds * cases * case_seconds / 60:.1f} minutes."
    )
    many = steps >= MANY_STEPS
    why["head_rate"] = (
        f"With {MANY_STEPS} steps or more the last layers learn with AdamW at a fifth of the rate."
        if many
        else f"With fewer than {MANY_STEPS} steps the last layers learn faster, so that structures are found at all."
    )
    seen = steps * plan.batch / max(plan.cases, 1)
    few_deformed, most_deformed = DEFORMED
    deform = min(few_deformed + (most_deformed - few_deformed) * seen / SEEN, most_deformed)
    why["deform"] = (
        f"The network sees about {seen:.0f} windows of each case. The fewer, the less is gained by deforming them."
    )
    average = min(max(10 / steps, 0.005), 0.1)
    why["average"] = f"The weights are averaged over about the last {1 / average:.0f} steps."
    return replace(
        plan,
        steps=steps,
        step_seconds=round(step_seconds, 4),
        case_seconds=round(case_seconds, 3),
        head_rate=plan.head_rate if plan.initial else HEAD_RATE["many" if many else "few"],
        average=round(average, 4),
        deform=round(deform, 2),
        epoch_steps=max(steps // EPOCHS, 1),
        validation_cases=cases,
        validation_epochs=max(round(EPOCHS / rounds), 1),
        why=why,
    )
