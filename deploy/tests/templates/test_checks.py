"""Every check holds for the shipped templates in every combination, and every mutant is noticed."""

from copy import deepcopy

import pytest

from templates.checks import Check, all_checks
from templates.combinations import COMBINATIONS, Combination, Deployment, deployment, templates
from templates.mutants import Mutant, all_mutants

LEAST_MUTANTS = 164
"""Fewer than there were when this was written: then some are not found any more."""


@pytest.fixture(scope="module")
def deployments() -> dict[Combination, Deployment]:
    shipped = templates()
    return {combination: deployment(shipped, combination) for combination in COMBINATIONS}


@pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
@pytest.mark.parametrize("check", all_checks().values(), ids=all_checks().keys())
def test_the_stack_is_as_it_has_to_be(
    check: Check, combination: Combination, deployments: dict[Combination, Deployment]
) -> None:
    check(deployments[combination])


@pytest.mark.parametrize("mutant", all_mutants().values(), ids=all_mutants().keys())
def test_a_worse_stack_is_noticed(mutant: Mutant) -> None:
    shipped = templates()
    changed = deepcopy(shipped)
    mutant.change(changed)
    assert changed != shipped, "the mutant changes nothing"
    worse = deployment(changed, mutant.combination)
    with pytest.raises(AssertionError):
        mutant.caught_by(worse)


def test_every_check_is_shown_to_fail_by_a_mutant() -> None:
    shown = {mutant.caught_by for mutant in all_mutants().values()}
    assert [name for name, check in all_checks().items() if check not in shown] == []


def test_no_mutant_got_lost() -> None:
    assert len(all_mutants()) >= LEAST_MUTANTS
