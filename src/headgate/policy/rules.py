"""What the keys of a policy mean for each other: the rules that no single key can break.

Pure: takes a policy, returns every problem. The rules of one model are in rules_data.py (columns, features, split),
rules_scorecard.py (lines, segments, traffic), rules_serving.py and rules_release.py; of models that ask each other in
rules_ensemble.py.
"""

from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

from headgate.policy.model import ApprovalPolicy, ModelPolicy, ProjectPolicy, Settings, WebhookPolicy
from headgate.policy.problem import KeyPath, Problem, list_words, nearest
from headgate.policy.rules_data import data_rules, feature_rules, file_rules, split_rules
from headgate.policy.rules_ensemble import ensemble_rules
from headgate.policy.rules_release import release_rules
from headgate.policy.rules_scorecard import scorecard_rules, segment_rules, traffic_rules
from headgate.policy.rules_serving import serving_rules

MODEL_RULES = (
    data_rules,
    feature_rules,
    file_rules,
    split_rules,
    scorecard_rules,
    segment_rules,
    traffic_rules,
    serving_rules,
    release_rules,
)
DATABASES = ("sqlite", "postgres", "postgresql", "postgresql+psycopg")


def check(policy: ProjectPolicy) -> tuple[Problem, ...]:
    """Return everything that does not hold together in a policy, in no order."""
    found = [
        Problem(("models", name, *problem.path), problem.what)
        for name, model in policy.models.items()
        for problem in check_model(model)
    ]
    found += ensemble_rules(policy.models)
    found += _below(("approval",), _approval(policy.approval))
    for name, hook in policy.webhooks.items():
        found += _below(("webhooks", name), _webhook(hook))
    return tuple(found + _below(("settings",), _settings(policy.settings)))


def check_model(model: ModelPolicy) -> tuple[Problem, ...]:
    """Return everything that does not hold together in one model; paths start at the model."""
    return tuple(problem for rule in MODEL_RULES for problem in rule(model))


def _below(path: KeyPath, problems: Iterator[Problem]) -> list[Problem]:
    return [Problem((*path, *problem.path), problem.what) for problem in problems]


def _approval(approval: ApprovalPolicy) -> Iterator[Problem]:
    if approval.of and approval.need > len(set(approval.of)):
        yield Problem(
            ("need",),
            f"{approval.need} people must approve, but `of` names only {len(set(approval.of))}: none could pass",
        )
    for position, name in _repeated(approval.of):
        yield Problem(("of", position), f"{name} stands twice")
    for position, name in enumerate(approval.of):
        if name.startswith("process:"):
            yield Problem(("of", position), f"{name} is a process; only people approve")


def _repeated(names: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    seen: Counter[str] = Counter()
    for position, name in enumerate(names):
        if seen[name]:
            yield position, name
        seen[name] += 1


def _webhook(hook: WebhookPolicy) -> Iterator[Problem]:
    if bool(hook.url) == bool(hook.url_env):
        yield Problem(("url",), "give url, or url_env where the URL itself is a secret: one of them")
    if hook.url:
        yield from _url(hook)


def _url(hook: WebhookPolicy) -> Iterator[Problem]:
    try:
        parts = urlsplit(hook.url)
        host, port_is_good = parts.hostname, parts.port is None or parts.port > 0
    except ValueError as error:
        yield Problem(("url",), f"this is not a URL: {error}")
        return
    if parts.scheme not in ("http", "https"):
        shown = f"{parts.scheme}:" if parts.scheme else "nothing"
        yield Problem(("url",), f"starts with {shown}.{nearest(parts.scheme, ('http', 'https'))} Allowed: https, http")
    elif not host or not port_is_good:
        yield Problem(("url",), "names no host, or port 0")
    if parts.username or parts.password:
        yield Problem(("url",), "holds a name or password; a policy is no place for secrets: use secret_env")
    if any(character.isspace() for character in hook.url):
        yield Problem(("url",), "holds a space or a line break")


def _settings(settings: Settings) -> Iterator[Problem]:
    scheme = settings.database.partition("://")[0]
    if settings.database and (scheme not in DATABASES or "://" not in settings.database):
        near = nearest(scheme, DATABASES)
        yield Problem(
            ("database",), f"is no database that Headgate knows.{near} Allowed: sqlite:///FILE, postgresql://HOST/NAME"
        )
    for key in ("tracking", "artefacts", "head"):
        if getattr(settings, key).strip() != getattr(settings, key):
            yield Problem((key,), "starts or ends with a space")
    if settings.head.startswith(("s3:", "http:", "https:")):
        yield Problem(("head",), f"is a file, not an address. Allowed: {list_words(['a path'])}")
