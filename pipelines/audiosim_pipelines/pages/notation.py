"""Numbers and times as people read them, and where an axis of time is marked."""

import math

_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 28_800)  # s


def decimal(value: float, n_decimals: int) -> str:
    """A number with a minus sign that is no hyphen.

    Examples
    --------
    >>> decimal(-14.26, 1)
    '−14.3'
    """
    return f"{value:.{n_decimals}f}".replace("-", "\N{MINUS SIGN}")


def clock(seconds: float, *, n_decimals: int = 0) -> str:
    """A time as m:ss, from an hour on as h:mm:ss.

    Examples
    --------
    >>> clock(65.4), clock(3_600.0), clock(59.96, n_decimals=1)
    ('1:05', '1:00:00', '1:00.0')
    """
    units = 10**n_decimals
    minutes, rest = divmod(round(seconds * units), 60 * units)
    width = 2 if not n_decimals else 3 + n_decimals
    ending = f"{rest / units:0{width}.{n_decimals}f}"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{ending}" if hours else f"{minutes}:{ending}"


def time_marks(end: float, *, most: int) -> list[tuple[float, str]]:
    """Round times from 0 to `end` seconds, `most` of them or a few less, and how they are written.

    Examples
    --------
    >>> time_marks(34.0, most=4)
    [(0, '0:00'), (10, '0:10'), (20, '0:20'), (30, '0:30')]
    """
    step = next((step for step in _STEPS if end / step < most), end)
    n_decimals = 1 if step < 1 else 0
    return [(i * step, clock(i * step, n_decimals=n_decimals)) for i in range(math.floor(end / step + 1e-9) + 1)]
