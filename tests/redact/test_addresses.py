"""No address shows a password, whatever signs it has; and no port or path is taken for one."""

import re

from hypothesis import assume, given
from hypothesis import strategies as st

from clusterproof.redact import MASK, Redactor
from clusterproof.redact.shapes import is_harmless

STORES = ("amqp", "amqps", "postgresql", "mysql+pymysql", "rediss", "mongodb", "clickhouse")
WEB = ("http", "https", "kafka", "nats", "oci")
HOSTS = st.sampled_from(["mq", "db.shop", "rabbit-0.mq.svc", "10.0.0.7", "[fd00::1]"])
PORTS = st.integers(1, 65535).map(lambda number: f":{number}")
USERS = st.sampled_from(["user", "ann", "app-2", "svc.shop"])
SIGNS = "abKZ0189;/,:@=&!?#%+~.-_"
LIKE_A_LIST = st.from_regex(r"[0-9]{1,5}[,;]b:[0-9]{1,5}[,;][0-9ab:;,]{1,9}", fullmatch=True)
PASSWORDS = (st.text(SIGNS, min_size=3, max_size=20) | LIKE_A_LIST).filter(
    lambda text: not is_harmless(text)
)
ENDS = st.sampled_from(["", "/", "/0", "/shop?sslmode=require", " refused", '"'])
_PORT_OR_PATH = re.compile(r"\d{1,5}[/?#]")
_PORT_OF_A_LIST = re.compile(
    r"\d{1,5}[,;](?:[a-zA-Z][\w+.-]*://)?[\w.-]+:\d{1,5}(?:[,;][^@]*)?[/?#]"
)
_QUERY = re.compile(r"\d{1,5}[/?#].*\w=|\d{1,5}\?\w+=")


def shown(text: str) -> str:
    return Redactor().text(text)


@given(st.sampled_from(STORES), USERS, PASSWORDS, HOSTS, ENDS)
def test_no_password_of_a_store_is_shown(
    scheme: str, user: str, password: str, host: str, end: str
) -> None:
    """But one that is a port and a query, or a list of ports."""
    assume(not _QUERY.match(password) and not _PORT_OF_A_LIST.match(password))
    assert (
        shown(f"{scheme}://{user}:{password}@{host}{end}")
        == f"{scheme}://{user}:{MASK}@{host}{end}"
    )


@given(st.sampled_from([*STORES, *WEB]), USERS, PASSWORDS, ENDS)
def test_no_password_before_an_address_with_a_port_is_shown(
    scheme: str, user: str, password: str, end: str
) -> None:
    text = f"{scheme}://{user}:{password}@db.shop:5432{end}"
    assert shown(text) == f"{scheme}://{user}:{MASK}@db.shop:5432{end}"


@given(st.sampled_from([*STORES, *WEB]), PASSWORDS, HOSTS, ENDS)
def test_no_password_without_a_user_is_shown(
    scheme: str, password: str, host: str, end: str
) -> None:
    assert shown(f"{scheme}://:{password}@{host}{end}") == f"{scheme}://:{MASK}@{host}{end}"


@given(st.sampled_from(WEB), USERS, PASSWORDS, HOSTS, ENDS)
def test_a_password_is_shown_only_where_it_may_be_a_port(
    scheme: str, user: str, password: str, host: str, end: str
) -> None:
    assume(not _PORT_OR_PATH.match(password) and not _PORT_OF_A_LIST.match(password))
    assert (
        shown(f"{scheme}://{user}:{password}@{host}{end}")
        == f"{scheme}://{user}:{MASK}@{host}{end}"
    )


BARE = st.text("aK09;!#$&?|/", min_size=4, max_size=20).filter(
    lambda text: (
        re.search(r"\d", text)
        and re.search(r"[;!#$&?|]", text)
        and not re.match(r"/|\d{1,5}/", text)
    )
)


@given(USERS, BARE, st.sampled_from(["host", "mq.shop:5672", "10.0.0.7"]))
def test_no_password_with_a_sign_is_shown_without_a_scheme(
    user: str, password: str, host: str
) -> None:
    assume(not is_harmless(password))
    assert shown(f"broker {user}:{password}@{host}") == f"broker {user}:{MASK}@{host}"


ADDRESSES = st.tuples(st.sampled_from(["web", "a.shop", "10.0.0.7"]), PORTS).map("".join)
PATHS = st.sampled_from(["", "/x", "/x@v1.2", "/users/ann@example.com", "/x?mail=ann@example.com"])


@given(
    st.sampled_from(WEB), st.lists(ADDRESSES, min_size=1, max_size=3), st.sampled_from(",;"), PATHS
)
def test_ports_and_paths_stay(scheme: str, hosts: list[str], between: str, path: str) -> None:
    text = f"{scheme}://{between.join(hosts)}{path}"
    assert shown(text) == text
