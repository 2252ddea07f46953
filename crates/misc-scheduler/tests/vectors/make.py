"""Makes lines of `expression|zone|start|due due due`, in UTC, for misc-scheduler's calendar to agree with.

`cargo xtask vectors` runs it; what it needs is in `requirements.txt`. A seed gives the same lines again.

What is due is what cronsim says (rules of Debian's cron), but for three things, in which the calendar means to differ:

- Six fields: cronsim lets every expression with seconds follow the clock. Here, one whose second, minute and hour are
  all fixed has the rules of fixed times, just as one of five fields, so that adding `0` in front changes nothing.
- A start while clocks repeat an hour: cronsim forgets which of the two it is in, and may answer with times that are
  over. Those are dropped.
- Expressions that follow the clock, close to a change of it: cronsim walks in whole hours, so it steps over what is
  due where clocks are set by half an hour, and it names times that do not exist, or goes round in circles, where midnight is skipped.
  There, each minute is looked at instead; where that gives another answer than cronsim's, the line starts with `!`.
"""

import argparse
import random
import sys
from datetime import datetime, time, timedelta, timezone
from functools import lru_cache
from itertools import islice, takewhile
from zoneinfo import ZoneInfo, available_timezones, reset_tzpath

from cronsim import CronSim, CronSimError
from cronsim.cronsim import is_imaginary

UTC = timezone.utc
DUE = 3
FIRST, LAST = datetime(1973, 1, 1, tzinfo=UTC), datetime(2037, 1, 1, tzinfo=UTC)
# Both databases of time zones are good until then.
END = datetime(2090, 1, 1, tzinfo=UTC)
MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
WEEK = "SUN MON TUE WED THU FRI SAT".split()
ODD = """Africa/Casablanca Africa/Cairo America/Havana America/New_York America/Sao_Paulo America/St_Johns Antarctica/Troll
Asia/Amman Asia/Beirut Asia/Gaza Asia/Kathmandu Asia/Pyongyang Asia/Tehran Atlantic/Azores Australia/Adelaide
Australia/Lord_Howe Europe/Berlin Europe/Dublin Europe/London Pacific/Apia Pacific/Chatham Pacific/Kiritimati
Pacific/Norfolk""".split()


class Endless(Exception):
    """cronsim goes round in circles."""


class Sim(CronSim):
    """cronsim, which gives up in the end."""

    ticks = 0

    def tick(self, seconds=1):
        self.ticks += 1
        if self.ticks > 100_000:
            raise Endless
        super().tick(seconds)


class FixedSeconds(Sim):
    """An expression of six fields under the rules that cronsim has for fixed times in five."""

    def __init__(self, expression, start):
        super().__init__(expression, start)
        self.zone, self.dt = start.tzinfo, self.dt.replace(tzinfo=None)

    def __next__(self):
        self.tick()
        self.advance()
        while is_imaginary(self.dt.replace(tzinfo=self.zone)):
            # Clocks are set at a full minute.
            self.dt = self.dt.replace(second=0) + timedelta(minutes=1)
        return self.dt.replace(tzinfo=self.zone)


def follows_clock(expression):
    fields = expression.split()
    return any(field.startswith("*") for field in fields[: len(fields) - 3])


def due(expression, start, zone):
    """The first times due after the start, and whether they are as cronsim has them."""
    local = start.astimezone(zone)
    fixed = not follows_clock(expression)
    rules = FixedSeconds if fixed and len(expression.split()) == 6 else Sim
    try:
        said = first(start, (at.astimezone(UTC) for at in rules(expression, local)))
    except Endless:
        said = None
    if said is not None:
        around = (start - timedelta(days=2), said[-1] + timedelta(days=2)) if said else None
        if fixed or not around or not any(around[0] <= change <= around[1] for change in changes(zone)):
            return said, True
    seen = first(start, shown(Sim(expression, local), start, zone))
    return seen, seen == said


def first(start, times):
    """The first times after the start."""
    return list(islice(takewhile(lambda at: at < END, (at for at in times if at > start)), DUE))


def shown(sim, start, zone):
    """The times that clocks show after the start, by a look at each minute of the days in question."""
    minute = start.replace(second=0)
    while minute < END:
        local = minute.astimezone(zone)
        if local.month not in sim.months or not sim.match_day(local.date()):
            minute = max(minute + to_next_five(minute), next_day(sim, local.date()) - timedelta(hours=16))
            continue
        if local.hour in sim.hours and local.minute in sim.minutes:
            yield from (minute.replace(second=second) for second in sorted(sim.seconds))
        minute += timedelta(minutes=1)


def to_next_five(minute):
    """Offsets are multiples of five minutes, and so days start at one."""
    return timedelta(minutes=5 - minute.minute % 5)


def next_day(sim, day):
    """The next day that an expression names, as if it were in UTC; the last one, too, to which clocks may be set back."""
    day -= timedelta(days=1)
    while day < END.date() and (day.month not in sim.months or not sim.match_day(day)):
        day += timedelta(days=1)
    return datetime.combine(day, time(), UTC)


@lru_cache(maxsize=None)
def changes(zone):
    """The instants at which the clocks of a zone are set."""
    found, step = [], timedelta(days=5)
    before = FIRST - timedelta(days=365)
    while before < LAST + timedelta(days=365 * 20):
        if before.astimezone(zone).utcoffset() != (before + step).astimezone(zone).utcoffset():
            found.append(change_between(zone, before, before + step))
        before += step
    return found


def change_between(zone, before, after):
    old = before.astimezone(zone).utcoffset()
    while after - before > timedelta(minutes=1):
        middle = before + (after - before) // 2
        middle = middle.replace(second=0, microsecond=0)
        before, after = (middle, after) if middle.astimezone(zone).utcoffset() == old else (before, middle)
    return after


class Maker:
    """Expressions, zones and starts by chance."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.zones = sorted(name for name in available_timezones() if name not in ("Factory", "localtime"))

    def line(self):
        """A line, or nothing where cronsim refuses the expression or finds no time."""
        name = self.random.choice(ODD if self.one_in(2) else self.zones)
        zone = ZoneInfo(name)
        start, hour = self.start(zone)
        expression = self.expression(hour)
        try:
            times, agreed = due(expression, start, zone)
        except CronSimError:
            return None
        mark = "" if agreed else "!"
        if not times:
            return None
        told = " ".join(tell(at) for at in times)
        return f"{mark}{expression}|{name}|{tell(start)}|{told}"

    def start(self, zone):
        """When to start, most often close to a change, and an hour that clocks show then."""
        near = [change for change in changes(zone) if FIRST <= change < LAST]
        if not near or self.one_in(4):
            start = FIRST + self.up_to(LAST - FIRST)
            return start, self.random.randrange(24)
        change = self.random.choice(near)
        before = self.random.choice([timedelta(hours=2), timedelta(days=1), timedelta(days=3)])
        after = self.random.choice([timedelta(0), timedelta(hours=2)])
        return change - before + self.up_to(before + after), change.astimezone(zone).hour

    def up_to(self, most):
        """Most often full minutes."""
        seconds = self.random.randrange(int(most.total_seconds()))
        return timedelta(seconds=seconds if self.one_in(4) else seconds // 60 * 60)

    def one_in(self, chances):
        return self.random.randrange(chances) == 0

    def expression(self, hour):
        fields = [
            self.field(0, 59, (0, 0, 30, 59)),
            self.field(0, 23, [(hour + ahead) % 24 for ahead in (-2, -1, 0, 0, 1)]),
            self.day_of_month(),
            self.often_all(lambda: self.field(1, 12, (), MONTHS)),
            self.often_all(self.day_of_week),
        ]
        if self.one_in(4):
            fields.insert(0, self.field(0, 59, (0, 0, 0, 30)))
        text = " ".join(fields)
        return text.lower() if self.one_in(3) else text

    def often_all(self, field):
        return "*" if self.random.random() < 0.6 else field()

    def day_of_month(self):
        if self.one_in(8):
            return self.random.choice(["L", "LW", "1,L", "LW,15", "28-31", "29,30", "31"])
        return self.often_all(lambda: self.field(1, 31, ()))

    def day_of_week(self):
        day = self.random.randrange(8)
        name = self.random.choice([str(day), WEEK[day % 7]])
        kind = self.random.randrange(5)
        if kind == 0:
            return f"{day}L"
        if kind == 1:
            return f"{name}#{self.random.randint(1, 5)}"
        return self.field(0, 7, (), WEEK)

    def field(self, low, high, near, names=()):
        """A field: all, one number, a list of numbers and ranges, or steps."""
        kind = self.random.randrange(10)
        if kind < 2:
            return self.random.choice(["*", "*", f"*/{self.random.randint(1, high)}"])
        if kind < 7:
            return self.number(low, high, near, names)
        return ",".join(self.item(low, high, near, names) for _ in range(self.random.randint(1, 3)))

    def item(self, low, high, near, names):
        kind = self.random.randrange(6)
        if kind < 3:
            return self.number(low, high, near, names)
        if kind == 3:
            return f"{self.random.randint(low, high)}/{self.random.randint(1, high)}"
        start, end = sorted(self.random.randint(low, high - (high == 7)) for _ in range(2))
        # Of `3-3/2`, cronsim makes `3/2`, which goes on to the end; it is 3 alone.
        step = f"/{self.random.randint(1, 6)}" if kind == 4 and start < end else ""
        return f"{self.named(start, low, names)}-{self.named(end, low, names)}{step}"

    def number(self, low, high, near, names):
        if near and self.random.random() < 0.6:
            return str(self.random.choice(near))
        return self.named(self.random.randint(low, high), low, names)

    def named(self, number, low, names):
        return names[(number - low) % len(names)] if names and self.one_in(2) else str(number)


def tell(at):
    return at.strftime("%Y-%m-%dT%H:%M:%S" if at.second else "%Y-%m-%dT%H:%M")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    options = parser.parse_args()
    # Only the database of the package `tzdata`, whatever this machine has.
    reset_tzpath(to=[])
    maker = Maker(options.seed)
    made = corrected = 0
    print(f"# cargo xtask vectors --seed {options.seed} --count {options.count}; see make.py")
    while made < options.count:
        line = maker.line()
        if line:
            print(line)
            made += 1
            corrected += line.startswith("!")
    print(f"{made} made, in {corrected} of which cronsim misses what clocks show", file=sys.stderr)


main()
