"""`radtme spool check`: what is wrong in the spool, and what will be done about it."""

import json

from click.testing import CliRunner

from deploy.commands.spool import spool as command
from listener.spool.jobs import JobState


def test_a_spool_in_order_and_one_that_is_not(spool, put_job, tmp_path) -> None:
    """Exit code 1 and a remedy where something is wrong; nothing is changed."""
    configuration = tmp_path / "radtme.yaml"
    configuration.write_text(f"data: {spool.root.parent}\n")
    words = ["check", "--config", str(configuration)]
    done = CliRunner().invoke(command, words)
    assert (done.exit_code, "no damage found" in done.output) == (0, True), done.output
    job = put_job("1.1", JobState.DELIVERING)
    done = CliRunner().invoke(command, words)
    assert done.exit_code == 1
    assert done.output.startswith(
        f"result_unreadable: results/{job.id}/result.json\n    at the next start: scored again"
    )
    done = CliRunner().invoke(command, [*words, "--json"])
    assert json.loads(done.output)["job"] == job.id
    assert [one.state for one in spool.jobs()] == [JobState.DELIVERING]
