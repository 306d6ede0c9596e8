"""A target that was taken out of the configuration while results were on their way to it."""

from listener.spool.jobs import JobState


def test_status_names_a_target_that_the_configuration_does_not_have(spool, put_job, run_radtme):
    """Its results are kept and never sent, so a warning is shown; delivered results need no target any more."""
    record = {"roles": ["segmentation"], "tries": 0, "taken": {}, "next_try": None, "last_error": None}
    put_job(
        "1.1",
        JobState.DELIVERING,
        delivery__gone={**record, "target": "gone", "state": "queued"},
        delivery__former={**record, "target": "former", "state": "delivered"},
    )
    run = run_radtme("status")
    assert run.returncode == 0
    assert "results wait for target 'gone'" in run.stderr
    assert "former" not in run.stderr
