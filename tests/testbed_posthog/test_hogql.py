"""HogQL: what is answered, in which SQL, and what is refused."""

# ruff: noqa: S608 - queries are the subject here, and reach no database

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.posthog.posthog_reference.hogql import HogQLError, present, translate
from testbed.posthog.posthog_reference.hogql.kinds import Kind, quote

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
UUID = "0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee"
GUARD = "WHERE (team_id = 7)"
SYNTAX, QUERY = "hogql_syntax_error", "hogql_query_error"


def sql(text: str, **values: object) -> str:
    return translate(text, values, team_id=7, now=NOW).sql


def where(condition: str, **values: object) -> str:
    found = re.fullmatch(
        r"SELECT count\(\) AS column_0 FROM posthog\.events WHERE \(team_id = 7\) AND \((.*)\)"
        r" LIMIT 101",
        sql(f"SELECT count() FROM events WHERE {condition}", **values),
        re.DOTALL,
    )
    assert found
    return found[1]


def test_every_query_is_guarded_by_the_team_before_anything_else() -> None:
    assert sql("SELECT event FROM events WHERE event = 'a' OR 1 = 1") == (
        "SELECT event AS column_0 FROM posthog.events WHERE (team_id = 7)"
        " AND (((event = 'a') OR ((1 = 1)))) LIMIT 101"
    ).replace("(((event = 'a') OR ((1 = 1))))", "((((event = 'a')) OR ((1 = 1))))")


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("event = 'a'", "(event = 'a')"),
        ("event == 'a'", "(event = 'a')"),
        ("event <> 'a'", "(event != 'a')"),
        (f"uuid = '{UUID.upper()}'", f"(uuid = '{UUID}')"),
        (f"'{UUID}' = uuid", f"('{UUID}' = uuid)"),
        (f"uuid IN ('{UUID}')", f"(uuid IN ('{UUID}'))"),
        (f"uuid IN ['{UUID}', '{UUID}']", f"(uuid IN ('{UUID}', '{UUID}'))"),
        ("event NOT IN ('a', 'b')", "NOT ((event IN ('a', 'b')))"),
        ("timestamp >= '1970-01-01'", "(timestamp >= 0)"),
        ("timestamp < toDateTime('1970-01-01T00:00:01Z')", "(timestamp < 1000000)"),
        ("timestamp > toDateTime(5)", "(timestamp > toInt64((5) * 1000000))"),
        ("timestamp > now()", f"(timestamp > {int(NOW.timestamp())}000000)"),
        ("now() - INTERVAL 2 HOUR < timestamp",
         f"(({int(NOW.timestamp())}000000 - 7200000000) < timestamp)"),
        ("event LIKE 'a%'", "((event) LIKE ('a%'))"),
        ("event ILIKE 'A%'", "((lower(event)) LIKE (lower('A%')))"),
        ("NOT event = 'a'", "NOT ((event = 'a'))"),
        ("event IS NOT NULL", "isNotNull(event)"),
        ("events.event = 'a'", "(event = 'a')"),
        ("`event` = 'it''s'", "(event = 'it\\'s')"),
        ("startsWith(event, 'x')", "startsWith(event, 'x')"),
        ("event = 'a' AND event = 'b' AND event = 'c'",
         "(((event = 'a')) AND ((event = 'b')) AND ((event = 'c')))"),
    ],
)  # fmt: skip
def test_conditions(condition: str, expected: str) -> None:
    assert where(condition) == expected


def _property(name: str) -> str:
    index = f"indexOf(property_keys, '{name}')"
    return f"if({index} = 0, NULL, property_values[{index}])"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("properties.$lib = 'p'", f"({_property('$lib')} = 'p')"),
        ("properties['a b'] = 'p'", f"({_property('a b')} = 'p')"),
        ("properties.`a b` = 'p'", f"({_property('a b')} = 'p')"),
        ("properties.n > 3", f"(toFloat64OrNull({_property('n')}) > 3)"),
        ("properties.n IN (1, 2)", f"(toFloat64OrNull({_property('n')}) IN (1, 2))"),
        ("properties.n IN ('1')", f"({_property('n')} IN ('1'))"),
        ("properties.t = true", f"({_property('t')} = 'true')"),
        ("properties.x IS NULL", f"isNull({_property('x')})"),
        ("properties.from = 'a'", f"({_property('from')} = 'a')"),
    ],
)
def test_properties_compare_as_what_they_are_compared_with(condition: str, expected: str) -> None:
    assert where(condition) == expected


@pytest.mark.parametrize(
    ("selected", "expected"),
    [
        ("count()", "count()"),
        ("count(*)", "count()"),
        ("count(DISTINCT uuid)", "uniqExact(uuid)"),
        ("uniq(distinct_id)", "uniq(distinct_id)"),
        ("countIf(event = 'a')", "countIf((event = 'a'))"),
        ("min(timestamp)", "min(timestamp)"),
        ("quantile(0.95)(properties.ms)", f"quantile(0.95)(toFloat64OrNull({_property('ms')}))"),
        (
            "max(dateDiff('millisecond', timestamp, inserted_at))",
            "max((intDiv(inserted_at, 1000) - intDiv(timestamp, 1000)))",
        ),
        ("toStartOfMinute(timestamp)", "(intDiv(timestamp, 60000000) * 60000000)"),
        ("count() / 60", "(count() / 60)"),
        ("-1", "-1"),
        ("- count()", "(0 - count())"),
    ],
)
def test_selected_expressions(selected: str, expected: str) -> None:
    assert sql(f"SELECT {selected} FROM events").startswith(f"SELECT {expected} AS column_0 FROM")


def test_clauses_in_their_order_and_aliases_resolved() -> None:
    text = (
        "SELECT event AS name, count() AS total FROM events AS e WHERE e.event != ''"
        " GROUP BY name HAVING total > 1 ORDER BY total DESC, 1 LIMIT 5;"
    )
    assert sql(text) == (
        "SELECT event AS column_0, count() AS column_1 FROM posthog.events WHERE (team_id = 7)"
        " AND ((event != '')) GROUP BY event HAVING (count() > 1)"
        " ORDER BY count() DESC, event ASC LIMIT 6"
    )


def test_an_alias_may_hide_the_column_it_is_made_of() -> None:
    assert "ORDER BY lower(event) ASC" in sql(
        "SELECT lower(event) AS event FROM events ORDER BY event"
    )


@pytest.mark.parametrize(("tail", "limit"), [("", 100), ("LIMIT 3", 3), ("LIMIT 10000000", 50_000)])
def test_rows_are_limited_as_posthog_limits_them(tail: str, limit: int) -> None:
    assert translate(f"SELECT event FROM events {tail}", {}, team_id=1, now=NOW).limit == limit


def test_columns_are_named_as_they_were_written() -> None:
    text = "SELECT count( DISTINCT uuid ), event e, properties.$lib, uuid FROM events GROUP BY e"
    found = translate(text, {}, team_id=1, now=NOW)
    assert found.columns == ("count( DISTINCT uuid )", "e", "$lib", "uuid")


def test_star_is_the_columns_of_events() -> None:
    found = translate("SELECT * FROM events", {}, team_id=1, now=NOW)
    assert found.columns[:3] == ("uuid", "event", "properties")


def test_placeholders_are_filled_with_literals() -> None:
    assert where("event = {name}", name="it's") == "(event = 'it\\'s')"
    assert where("uuid IN {ids}", ids=[UUID]) == f"(uuid IN ('{UUID}'))"
    assert where("uuid IN {ids}", ids=[]) == "(0 = 1)"


@pytest.mark.parametrize(
    ("text", "code", "detail"),
    [
        ("", SYNTAX, "mismatched input '<EOF>' expecting {SELECT, WITH"),
        ("SELECT", SYNTAX, "no viable alternative at input 'SELECT'"),
        ("DROP TABLE events", SYNTAX, "mismatched input 'DROP' expecting {SELECT, WITH"),
        ("SELECT event FROM events; SELECT 1", SYNTAX, "mismatched input 'SELECT'"),
        ("SELECT 'a FROM events", SYNTAX, "no viable alternative"),
        ("SELECT event FROM events WHERE event NOT 'a'", SYNTAX, "no viable alternative"),
        ("SELECT now() - INTERVAL 2 HOURS FROM events", SYNTAX, "no viable alternative"),
        ("SELECT 1 AS team_id FROM events", SYNTAX, "reserved keyword"),
        ("SELECT date '2020-01-01' FROM events", "hogql_error", "Unsupported rule: ColumnExprDate"),
        ("SELECT 1", QUERY, "Only a SELECT from events"),
        ("SELECT event FROM events UNION ALL SELECT 1", QUERY, "Only a SELECT from events"),
        ("SELECT event FROM events LIMIT 1 OFFSET 1", QUERY, "OFFSET is not supported on"),
        ("SELECT event FROM events LIMIT 2 BY event", QUERY, "with limit_by"),
        ("SELECT event FROM events PREWHERE 1", QUERY, "with prewhere"),
        ("WITH a AS (SELECT 1) SELECT event FROM events", QUERY, "with ctes"),
        ("SELECT event FROM events FINAL", QUERY, "with table_final"),
        ("SELECT event FROM events, persons", QUERY, "with next_join"),
        ("SELECT event FROM (SELECT 1)", QUERY, "Unknown table ``."),
        ("SELECT count() FILTER (WHERE 1) FROM events", QUERY, "with filter_expr"),
        ("SELECT count() OVER () FROM events", QUERY, "WindowFunction is not supported"),
        ("SELECT event::int FROM events", QUERY, "TypeCast is not supported"),
        ("SELECT uuid FROM events WHERE event =~ 'a'", QUERY, "operator =~ is not supported"),
        ("SELECT nope FROM events", QUERY, "Unable to resolve field: nope"),
        ("SELECT team_id FROM events", QUERY, "Unable to resolve field: team_id"),
        ("SELECT event.x FROM events", QUERY, "Unable to resolve field: event.x"),
        ("SELECT a FROM persons", QUERY, "Unknown table `persons`."),
        ("SELECT url('http://x') FROM events", QUERY, "function call 'url(...)'"),
        ("SELECT sleep(9) FROM events", QUERY, "Unsupported function call 'sleep(...)'"),
        ("SELECT count(1, 2) FROM events", QUERY, "expects at most 1 argument, found 2"),
        ("SELECT countIf() FROM events", QUERY, "expects 1 argument, found 0"),
        ("SELECT quantile(2)(1) FROM events", QUERY, "between 0 and 1"),
        ("SELECT sum(count()) FROM events", QUERY, "nested inside another aggregation 'sum'"),
        ("SELECT uuid FROM events WHERE uuid = 'x'", QUERY, "Cannot parse uuid x"),
        ("SELECT uuid FROM events WHERE timestamp > 'x'", QUERY, "Cannot parse DateTime"),
        ("SELECT uuid FROM events WHERE timestamp > 5", QUERY, "no supertype"),
        ("SELECT uuid FROM events WHERE event IN (event)", QUERY, "IN takes literals"),
        ("SELECT uuid FROM events WHERE event = {gone}", QUERY, "Unresolved placeholder: {gone}"),
        ("SELECT (1, 2) FROM events", QUERY, "Tuple is not supported"),
        ("SELECT INTERVAL 1 DAY FROM events", QUERY, "interval"),
        ("SELECT uuid FROM events ORDER BY 2", QUERY, "out of bounds"),
        ("SELECT 1e999 FROM events", QUERY, "out of range"),
        (f"SELECT {'(' * 9}1{')' * 9} FROM events", QUERY, "levels deep"),
    ],
)  # fmt: skip
def test_refusals(text: str, code: str, detail: str) -> None:
    with pytest.raises(HogQLError) as caught:
        sql(text)
    assert caught.value.code == code
    assert detail in str(caught.value)


def test_a_value_nested_without_end_is_refused() -> None:
    nested: list[object] = []
    for _ in range(2000):
        nested = [nested]
    with pytest.raises(HogQLError, match="nested too deeply"):
        where("uuid IN {ids}", ids=nested)


def test_brackets_in_a_string_are_no_nesting() -> None:
    assert where("event = '(((((((((('") == "(event = '((((((((((')"


def test_a_long_list_of_alternatives_is_no_deep_tree() -> None:
    alternatives = " OR ".join(f"event = 'e{n}'" for n in range(100))
    assert where(alternatives).count(" OR ") == 99


@given(st.text())
def test_a_string_literal_is_written_so_that_it_cannot_end_early(text: str) -> None:
    body = quote(text)[1:-1]
    # What is left after every escape pair is taken out holds no quote and no backslash.
    assert not re.search(r"['\\]", re.sub(r"\\.", "", body, flags=re.DOTALL))


@given(st.text())
def test_any_text_in_a_placeholder_stays_a_literal(text: str) -> None:
    assert where("event = {name}", name=text) == f"(event = {quote(text)})"


@given(st.text())
def test_any_text_at_all_is_refused_or_answered(text: str) -> None:
    for query in (text, f"SELECT {text} FROM events", f"SELECT uuid FROM events WHERE {text}"):
        try:
            found = sql(query)
        except HogQLError:
            continue
        assert GUARD in found


WORDS = (
    "select from events where event uuid = 'a' ( ) , and or not in count ( ) * properties . $x",
    "[ 'k' ] limit 1 interval 2 day now ( ) - + group by order having 0.5 null is -- /* */ ;",
)
PIECES = st.lists(st.sampled_from(" ".join(WORDS).split()), max_size=14).map(" ".join)


@given(PIECES)
def test_any_order_of_known_words_is_refused_or_guarded(text: str) -> None:
    try:
        found = sql("select event from events where " + text)
    except HogQLError:
        return
    assert found.count(GUARD) == 1


def test_times_are_shown_as_posthog_shows_them() -> None:
    rows = present([[1_795_435_200_123_456, "x"], [None, None]], (Kind.TIME, Kind.TEXT))
    assert rows == [["2026-11-23T12:00:00.123456Z", "x"], [None, None]]
