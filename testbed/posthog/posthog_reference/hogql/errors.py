"""What is wrong with a query, in the words that PostHog uses where it has them."""


class HogQLError(Exception):
    """The query cannot be answered.

    Attributes:
        code: PostHog's code for it: `hogql_error`, `hogql_syntax_error` or `hogql_query_error`.
    """

    code = "hogql_error"


class HogQLSyntaxError(HogQLError):
    """The text is not HogQL."""

    code = "hogql_syntax_error"


class HogQLQueryError(HogQLError):
    """The text is HogQL, but a name in it is unknown, or it makes no sense or is not supported."""

    code = "hogql_query_error"
