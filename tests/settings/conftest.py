"""What the tests of the settings share."""

from collections.abc import Callable, Mapping

import pytest

from portal.domain.errors import SettingsError
from portal.settings.loading import load

FaultsOf = Callable[[Mapping[str, str]], dict[str, str]]


@pytest.fixture
def faults_of() -> FaultsOf:
    """Return what is wrong with an environment, by the name of the variable; it must be something."""

    def faults_of(environ: Mapping[str, str]) -> dict[str, str]:
        with pytest.raises(SettingsError) as caught:
            load(environ)
        assert not caught.value.__context__, "The cause holds the values"
        faults = dict(fault.split(": ", 1) for fault in caught.value.faults)
        assert len(faults) == len(caught.value.faults), "A variable has one fault"
        return faults

    return faults_of
