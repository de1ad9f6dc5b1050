"""What is wrong with a query, in the words that PostHog uses where it has them."""


class HogQLError(Exception):
    """The query cannot be answered.

    Attributes:
        code: PostHog's code for it: `syntax_error`, `resolution_error` or `query_error`.
    """

    code = "query_error"


class HogQLSyntaxError(HogQLError):
    """The text is not a query of the subset."""

    code = "syntax_error"


class HogQLResolutionError(HogQLError):
    """A name in the query stands for nothing."""

    code = "resolution_error"


class HogQLQueryError(HogQLError):
    """The query can be read, but it makes no sense or is not supported."""
