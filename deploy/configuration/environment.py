"""Environment variables that override the configuration file: ``RADTME_REDIS_URL`` for ``redis.url``."""

from collections.abc import Iterable, Mapping

ENVIRONMENT_PREFIX = "RADTME_"


def environment_variable(setting: str) -> str:
    """Return the variable that overrides a setting: ``redis.url`` is ``RADTME_REDIS_URL``."""
    return ENVIRONMENT_PREFIX + setting.upper().replace(".", "_")


class Environment:
    """The environment variables of a process, and which of them name a setting."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._known: set[str] = set()
        self.warnings: list[str] = []
        """Variables that work but should be renamed."""

    def text_of(self, setting: str, former_names: Iterable[str] = ()) -> str | None:
        """Return the value for a setting as text; None where its variable is not set."""
        variable = environment_variable(setting)
        self._known.add(variable)
        if variable in self._variables:
            return self._variables[variable]
        for former in map(environment_variable, former_names):
            self._known.add(former)
            if former in self._variables:
                self.warnings.append(f"environment variable {former} is now called {variable}; rename it")
                return self._variables[former]
        return None

    def unknown(self, other_variables: Iterable[str]) -> list[str]:
        """Return the variables that begin like ours and are neither a setting that was asked for nor among others."""
        known = self._known.union(other_variables)
        return sorted(name for name in self._variables if name.startswith(ENVIRONMENT_PREFIX) and name not in known)
