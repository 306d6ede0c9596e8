"""All fuzz targets by name."""

from fuzz import file_targets, listener_targets, worker_targets

TARGETS = {
    target.name: target for target in (*listener_targets.TARGETS, *worker_targets.TARGETS, *file_targets.TARGETS)
}
