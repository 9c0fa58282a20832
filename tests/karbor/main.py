"""Runs the cases on SQLite and PostgreSQL, all or those that are named; prints a line for each and ends with 1 if one fails."""

import sys
import traceback

from claims import CLAIMS
from histories import HISTORIES
from installation import Postgres, Sqlite


def main():
    wanted = sys.argv[1:]
    cases = [case for case in HISTORIES + CLAIMS if not wanted or case.__name__ in wanted]
    failed = 0
    for kind in (Sqlite, Postgres):
        for case in cases:
            try:
                good, said = case(kind)
            except Exception:
                good, said = False, '%s: %s' % (case.__name__, traceback.format_exc(limit=3))
            failed += not good
            print('%-6s %-10s %s' % ('ok' if good else 'FAILED', kind.name, said), flush=True)
    print('%d passed, %d failed' % (2 * len(cases) - failed, failed))
    sys.exit(1 if failed else 0)


main()
