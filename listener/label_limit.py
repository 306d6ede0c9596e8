"""Label values that come over the wire: the first ones are shown, all further ones share a label."""

import threading

OTHER = "other"
MOST_VALUES = 64


class LabelLimit:
    """Gives values a label each, until there are too many: nobody may fill Prometheus from outside."""

    def __init__(self, most: int = MOST_VALUES) -> None:
        self._most = most
        self._known: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, value: str) -> str:
        """Return the label for ``value``: itself, or ``other``."""
        with self._lock:
            if value in self._known or len(self._known) < self._most:
                self._known.add(value)
                return value
        return OTHER
