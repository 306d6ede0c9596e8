"""The configuration: strict, each problem with its line; environment before file before defaults."""

import re
from pathlib import Path

import pytest

from deploy.configuration.load import ConfigurationError, find_configuration, load_configuration
from deploy.configuration.settings import Configuration
from deploy.configuration.text import configuration_lines, masked_url
from deploy.errors import WrongUsage
from listener.settings import AuditSettings, DeadlinePolicy, ListenerSettings
from workers.results.result_roles import ResultRole
from workers.settings import WorkerSettings
from workers.targets.target import Target


def load(tmp_path: Path, text: str, **environment: str) -> Configuration:
    """Write a file and read it."""
    file = tmp_path / "radtme.yaml"
    file.write_text(text)
    return load_configuration(file, environment)


def problems(tmp_path: Path, text: str, **environment: str) -> list[str]:
    """Return what is wrong with a file, without its folder."""
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text, **environment)
    return [str(problem).replace(f"{tmp_path}/", "") for problem in caught.value.problems]


def test_without_a_file_everything_has_its_default_below_radtme_data(tmp_path, monkeypatch):
    """A first start needs no configuration: defaults of the settings, loopback only, Redis embedded."""
    monkeypatch.chdir(tmp_path)
    configuration = load_configuration(None, {})
    data = tmp_path / "radtme-data"
    assert configuration.audit == AuditSettings(data / "audit")
    assert configuration.listener == ListenerSettings(spool=data / "spool", audit=configuration.audit)
    assert configuration.workers == WorkerSettings(
        spool=data / "spool", model_store=data / "signatures", audit=configuration.audit
    )
    assert configuration.redis.embedded
    assert configuration.origins == {}


def test_a_full_file_becomes_the_settings(tmp_path):
    """Every kind of value arrives: text, number, list, choice, nested section, list of sections."""
    configuration = load(
        tmp_path,
        """
data: /srv/radtme
redis: {url: "redis://:secret@redis:6379/1"}
listener:
  host: 0.0.0.0
  calling_ae_titles: [MR1, PACS]
  settle_seconds: 1.5
  deadline_policy: fetch
  retrieve_from: {ae_title: PACS, host: 10.0.0.5, port: 104}
workers:
  institution_name: Example Hospital
  soft_time_limit_seconds: 2e2
targets:
  - name: pacs
    ae_title: PACS
    host: 10.0.0.5
    port: 104
    results: [summary_report, key_image]
""",
    )
    assert configuration.listener.spool == Path("/srv/radtme/spool")
    assert configuration.listener.calling_ae_titles == ("MR1", "PACS")
    assert configuration.listener.deadline_policy is DeadlinePolicy.FETCH
    assert configuration.listener.retrieve_from.port == 104
    assert configuration.listener.redis_url == configuration.workers.redis_url == "redis://:secret@redis:6379/1"
    assert configuration.workers.soft_time_limit_seconds == 200.0
    assert configuration.workers.targets == (
        Target("pacs", "PACS", "10.0.0.5", 104, frozenset({ResultRole.SUMMARY_REPORT, ResultRole.KEY_IMAGE})),
    )
    assert not configuration.redis.embedded


def test_relative_paths_start_at_the_file(tmp_path):
    """A service starts in another folder than the person who wrote the file."""
    assert load(tmp_path, "data: ./here\nspool: /elsewhere\n").locations.data == tmp_path / "here"
    assert load(tmp_path, "data: ./here\nspool: /elsewhere\n").listener.spool == Path("/elsewhere")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\n", "radtme.yaml:1: a: unknown key; expected one of"),
        ("data: x\nlistner: {}\n", "radtme.yaml:2: listner: unknown key; did you mean 'listener'?"),
        ("listener:\n  prot: 104\n", "radtme.yaml:2: listener.prot: unknown key; did you mean 'port'?"),
        ("output: study\n", "radtme.yaml:1: output: unknown key; expected one of data, spool,"),
        ("listener:\n  port: 104\n  port: 105\n", "radtme.yaml:3: listener.port: is given twice; keep one of them"),
        ("listener: {port: 70000}\n", "listener.port: expected a number from 0 to 65535, found 70000"),
        ('listener: {port: "104"}\n', "listener.port: expected a whole number, found '104'"),
        ("listener: {port: 0104}\n", "listener.port: expected a whole number, found 0104"),
        ("workers: {concurrency: 1:30}\n", "workers.concurrency: expected a whole number, found '1:30'"),
        (
            "listener: {sweep_seconds: 1.0e+31}\n",
            "listener.sweep_seconds: expected more than 0, at most 31622400, found 1.0e+31",
        ),
        (
            "listener: {idle_timeout_seconds: 86401}\n",
            "listener.idle_timeout_seconds: expected more than 0, at most 86400",
        ),
        (
            "retention: {done_days: 1000000}\n",
            "retention.done_days: expected a number from 1 to 36525, found 1000000",
        ),
        ("workers: {concurrency: 0}\n", "workers.concurrency: expected at least 1, found 0"),
        ("listener:\n  settle_seconds: [2]\n", "yaml:2: listener.settle_seconds: expected a number, found a list"),
        (
            "listener: {deadline_seconds: 0}\n",
            "listener.deadline_seconds: expected more than 0, at most 31622400, found 0",
        ),
        ("listener: {deadline_seconds: .inf}\n", "listener.deadline_seconds: expected a number"),
        ("listener: {ae_title: NO}\n", 'expected text, found NO (for text, write "NO" in quotes)'),
        ("listener: {ae_title: SEVENTEEN_LETTERS}\n", "expected an AE title of 1 to 16 characters"),
        ("listener: {ae_title: 'A\\B'}\n", "expected an AE title of printable ASCII characters without a backslash"),
        ('listener: {ae_title: "A\\tB"}\n', "expected an AE title of printable ASCII characters"),
        ("listener: {calling_ae_titles: MR1}\n", "expected a list"),
        ("listener: {host: 'pacs:104'}\n", "expected a host without a port"),
        ("listener: 7\n", "radtme.yaml:1: listener: expected a section of keys and values"),
        ("listener: {deadline_policy: wait}\n", "expected one of close, fetch, found 'wait'"),
        ("listener: {deadline_policy: fetch}\n", "give listener.retrieve_from"),
        ("redis: {embedded: false}\n", "give redis.url"),
        ("redis: {embedded: true, url: 'redis://h:1/0'}\n", "redis.embedded: redis.url names an external Redis"),
        ("workers: {soft_time_limit_seconds: 400}\n", "expected less than workers.hard_time_limit_seconds (300)"),
        ("targets:\n  - {name: a, host: h, port: 1}\n", "radtme.yaml:2: targets[0]: expected also ae_title"),
        ("targets:\n  - {name: a, ae_title: A, host: h, port: 0}\n", "expected a number from 1 to 65535, found 0"),
        ("targets:\n  - {name: a/b, ae_title: A, host: h, port: 1}\n", "expected a name of letters"),
        (
            "targets:\n  - {name: a, ae_title: A, host: h, port: 1}\n  - {name: a, ae_title: B, host: h, port: 1}\n",
            "radtme.yaml:3: targets: two targets have the name 'a'",
        ),
        ("data: [\n", "is not valid YAML"),
        ("data: x\n  y: 1\n", "radtme.yaml:2: is not valid YAML"),
    ],
)
def test_an_error_names_line_setting_and_what_was_expected(tmp_path, text, expected):
    """One line names the line of the file, the setting and the remedy."""
    found = problems(tmp_path, text)
    assert any(expected in problem for problem in found), found


def test_all_problems_are_shown_at_once_in_the_order_of_the_file(tmp_path):
    """One run of the check shows every mistake."""
    found = problems(tmp_path, "redis: {ur: x}\nlistener:\n  port: x\nworkers:\n  concurency: 2\n")
    assert [problem.split(": ")[0] for problem in found] == ["radtme.yaml:1", "radtme.yaml:3", "radtme.yaml:5"]


def test_the_network_needs_a_list_of_senders(tmp_path):
    """Listening beyond loopback without a list of senders is an error, with the remedy."""
    (found,) = problems(tmp_path, "listener:\n  host: 0.0.0.0\n")
    assert found.startswith("radtme.yaml:2: listener.host:")
    assert "listener.calling_ae_titles" in found
    assert load(tmp_path, "listener: {host: 0.0.0.0, calling_ae_titles: [MR1]}").listener.host == "0.0.0.0"  # noqa: S104


@pytest.mark.parametrize("given", ["enabled: true", "enabled: false", "tls: {certificate: c, key: k}"])
def test_the_sink_stays_on_this_machine_where_it_knows_nobody(tmp_path, given):
    """It is a listener without a list too, also where `radtme sink` starts it alone."""
    found = problems(tmp_path, f"sink:\n  host: 0.0.0.0\n  {given}\n")
    assert any("give" in problem and "ca" in problem and problem.startswith("radtme.yaml:") for problem in found), found


def test_the_environment_wins_over_the_file(tmp_path):
    """Secrets and addresses come from outside the file, and their origin is shown."""
    configuration = load(
        tmp_path,
        "listener:\n  port: 104\nredis: {embedded: true}\n",
        RADTME_LISTENER_PORT="11113",
        RADTME_REDIS_URL="redis://:pw@h:1/0",
        RADTME_LISTENER_CALLING_AE_TITLES="MR1, MR2",
    )
    assert configuration.listener.port == 11113
    assert configuration.listener.calling_ae_titles == ("MR1", "MR2")
    assert configuration.workers.redis_url == "redis://:pw@h:1/0"
    assert configuration.origins["listener.port"] == "environment RADTME_LISTENER_PORT"


def test_a_wrong_environment_variable_is_named(tmp_path):
    """The message names the variable where the value came from one."""
    assert problems(tmp_path, "", RADTME_LISTENER_PORT="abc") == [
        "environment RADTME_LISTENER_PORT: listener.port: expected a whole number, found 'abc'"
    ]


def test_an_unknown_environment_variable_is_a_warning(tmp_path):
    """An orchestrator may set variables of that prefix that are not ours."""
    assert load(tmp_path, "", RADTME_PORT="tcp://1.2.3.4").warnings == (
        "environment variable RADTME_PORT is no setting and has no effect",
    )


def test_a_setting_is_read_under_its_former_name_with_a_warning(tmp_path):
    """An upgrade starts with the former file, with a warning that names the new setting."""
    read = load(tmp_path, "listener:\n  ring_again_seconds: 7\n")
    assert read.listener.reannounce_seconds == 7
    assert read.origins["listener.reannounce_seconds"].endswith("radtme.yaml:2")
    (warning,) = read.warnings
    assert warning.endswith(
        "radtme.yaml:2: listener.ring_again_seconds is now called listener.reannounce_seconds; rename it"
    )


def test_a_variable_is_read_under_its_former_name_with_a_warning(tmp_path):
    """The new name wins where both are set."""
    read = load(tmp_path, "", RADTME_LISTENER_RING_AGAIN_SECONDS="7")
    assert read.listener.reannounce_seconds == 7
    (warning,) = read.warnings
    assert warning.endswith(
        "RADTME_LISTENER_RING_AGAIN_SECONDS is now called RADTME_LISTENER_REANNOUNCE_SECONDS; rename it"
    )
    both = {"RADTME_LISTENER_RING_AGAIN_SECONDS": "7", "RADTME_LISTENER_REANNOUNCE_SECONDS": "8"}
    assert load(tmp_path, "", **both).listener.reannounce_seconds == 8


def test_a_setting_under_both_of_its_names_is_given_twice(tmp_path):
    """Which of the two is meant cannot be known."""
    text = "listener:\n  ring_again_seconds: 7\n  reannounce_seconds: 8\n"
    assert problems(tmp_path, text) == ["radtme.yaml:3: listener.reannounce_seconds: is given twice; keep one of them"]


def test_a_title_that_may_come_from_anywhere_is_a_warning(tmp_path):
    """An AE title is no secret: on a network, who may send is known by address or certificate, too."""
    reachable = "listener:\n  host: 0.0.0.0\n"
    titles = load(tmp_path, reachable + "  calling_ae_titles: [MR1, MR2]\n").warnings
    assert [warning.partition(";")[0] for warning in titles if "any address" in warning] == [
        "a peer with the AE title MR1 or MR2 may send from any address"
    ]
    addressed = reachable + "  peers: [{ae_title: MR1, addresses: [192.0.2.1]}]\n"
    assert not [warning for warning in load(tmp_path, addressed).warnings if "any address" in warning]
    assert not load(tmp_path, "listener:\n  calling_ae_titles: [RADTME]\n").warnings, "only this machine reaches it"


@pytest.mark.parametrize(
    ("listener", "told"),
    [
        ("calling_ae_titles: [MR1]", True),
        ("peers: [{ae_title: MR1, addresses: [192.0.2.1]}]", True),
        ("peers: [{ae_title: MR1}, {ae_title: OURS, addresses: [127.0.0.1]}]", False),
        ("calling_ae_titles: [MR1, OURS]", False),
        ("port: 11112", False),
    ],
)
def test_a_listener_that_refuses_our_own_commands_is_a_warning(tmp_path, listener, told):
    """The first `radtme echo own`, `send` and `selftest` would fail, and only the listener would know why."""
    found = load(tmp_path, f"listener:\n  {listener}\nworkers:\n  ae_title: OURS\n").warnings
    assert [one for one in found if one.startswith("the listener refuses OURS")] == (list(found) if told else [])


@pytest.mark.parametrize("shipped", ["radtme.example.yaml", "compose/radtme.yaml", "kubernetes/base/radtme.yaml"])
def test_no_configuration_that_we_ship_refuses_our_own_commands(tmp_path, shipped):
    """docs/installation.md has `radtme echo own` and `radtme selftest` typed right after the start."""
    secret = tmp_path / "secret"
    secret.write_text("hush\n")
    (tmp_path / "url").write_text("postgresql://radtme:hush@db.example.org/radtme\n")
    for file in (secret, tmp_path / "url"):
        file.chmod(0o600)
    text = (Path(__file__).parents[3] / "deploy" / shipped).read_text()
    text = re.sub(r"/run/secrets/\S+/url", str(tmp_path / "url"), text)
    found = load(tmp_path, re.sub(r"/run/secrets/\S+", str(secret), text)).warnings
    assert not [one for one in found if "refuses" in one]


def test_a_bad_redis_url_is_not_repeated(tmp_path):
    """A URL may hold a password: neither an error nor `config show` prints it."""
    assert "hunter2" not in "".join(problems(tmp_path, "redis: {url: 'http://:hunter2@h'}"))
    configuration = load(tmp_path, "redis: {url: 'redis://user:hunter2@h:1/0'}")
    assert "hunter2" not in "".join(text for text, _ in configuration_lines(configuration))
    assert "hunter2" not in repr(configuration)
    assert masked_url("redis://user:hunter2@h:1/0") == "redis://user:***@h:1/0"


def test_the_shown_configuration_reads_back_as_itself(tmp_path):
    """`config show` prints a complete file: read again, it gives the same values."""
    first = load(
        tmp_path,
        "listener: {deadline_seconds: 12345.678, calling_ae_titles: ['123', B]}\n"
        "targets:\n  - {name: p, ae_title: 'TRUE', host: h, port: 1}\n"
        "  - {name: q, kind: dicomweb, url: 'https://h/d', user: u, password_file: p, tls: {ca: ca.pem}}\n"
        "sink: {enabled: true}\n",
    )
    again = load(tmp_path, "\n".join(text for text, _ in configuration_lines(first)))
    assert (again.locations, again.listener, again.workers, again.sink) == (
        first.locations,
        first.listener,
        first.workers,
        first.sink,
    )


def test_an_enabled_sink_is_a_target(tmp_path):
    """Results go to the sink without a second entry in the configuration."""
    (target,) = load(tmp_path, "sink: {enabled: true, port: 4711}").workers.targets
    assert (target.name, target.ae_title, target.port) == ("sink", "SINK", 4711)


def test_a_file_that_is_missing_is_named(tmp_path):
    """A mistyped --config never silently becomes the defaults."""
    with pytest.raises(WrongUsage, match="configuration file not found"):
        load_configuration(tmp_path / "nowhere.yaml", {})


def test_which_file_is_read(tmp_path, monkeypatch):
    """--config, then RADTME_CONFIG, then ./radtme.yaml, then none."""
    monkeypatch.chdir(tmp_path)
    assert find_configuration(None, {}) is None
    (tmp_path / "radtme.yaml").write_text("")
    assert find_configuration(None, {}) == Path("radtme.yaml")
    assert find_configuration(None, {"RADTME_CONFIG": "b.yaml"}) == Path("b.yaml")
    assert find_configuration(Path("a.yaml"), {"RADTME_CONFIG": "b.yaml"}) == Path("a.yaml")


def test_the_example_is_valid_and_says_the_defaults():
    """The example file is valid, and each value in it is the default."""
    file = Path(__file__).parents[3] / "deploy" / "radtme.example.yaml"
    configuration = load_configuration(file, {})
    data = file.parent / "radtme-data"
    assert configuration.audit == AuditSettings(data / "audit")
    assert configuration.listener == ListenerSettings(spool=data / "spool", audit=configuration.audit)
    assert configuration.workers == WorkerSettings(
        spool=data / "spool", model_store=data / "signatures", audit=configuration.audit
    )


def test_sink_may_take_a_free_port(tmp_path):
    """It is a target outside the list of targets: its port may be 0, no other target's may."""
    configuration = load(tmp_path, "sink: {enabled: true, port: 0}")
    assert [target.name for target in configuration.workers.targets] == ["sink"]
    assert problems(tmp_path, "targets: [{name: pacs, ae_title: PACS, host: 10.0.0.5}]")
